//! Vectors of identifiers and of amounts.

use serde_json::Value;

use super::{equal, text};
use crate::{
    delivery::protocol::udun,
    domain::{
        Address, AppId, Decimals, DepositId, EventId, EventVersion, Family, LogOrdinal, OrderEventKind, OrderId,
        TokenAmount, TxHash,
    },
};

pub(super) fn identifiers(vector: &Value) -> Result<(), String> {
    let input = text(vector, "input")?;
    if vector.get("order_event_id").is_some() {
        let (app, order) = input.split_once('\n').ok_or("not two lines")?;
        let app: AppId = app.parse().map_err(|_| "not an app id")?;
        let order = OrderId::parse(order).map_err(|error| error.to_string())?;
        let event = EventId::order(&app, &order, OrderEventKind::Expired);
        return equal("the order's event id", event.as_str(), text(vector, "order_event_id")?);
    }
    let deposit = deposit_text(input)?;
    equal("the deposit id", &deposit, text(vector, "deposit_id")?)?;
    let events = vector["event_ids"].as_array().ok_or("no event ids")?;
    for (version, published) in (1..).zip(events) {
        let event = EventId::money(&deposit, EventVersion(version));
        equal("the event id", event.as_str(), published.as_str().unwrap_or_default())?;
    }
    equal("the id of detected", EventId::detected(&deposit).as_str(), text(vector, "detected")?)?;
    equal("the id of unmatched", EventId::unmatched(&deposit).as_str(), text(vector, "unmatched")?)?;
    equal("the Udun trade id", &udun::trade_id(&deposit).to_string(), text(vector, "udun_trade_id")?)
}

/// The id of the deposit named by four lines: network, transaction, contract, ordinal.
fn deposit_text(input: &str) -> Result<String, String> {
    let lines: Vec<&str> = input.split('\n').collect();
    let [network, tx, contract, ordinal] = lines[..] else { return Err("not four lines".to_owned()) };
    let family = Address::looks_like(contract).ok_or("not a contract")?;
    let id = DepositId {
        network: network.parse().map_err(|_| "not a network")?,
        tx: TxHash::parse(tx).map_err(|_| "not a hash")?,
        token: address(family, contract)?,
        ordinal: LogOrdinal(ordinal.parse().map_err(|_| "not an ordinal")?),
    };
    Ok(id.text(family))
}

fn address(family: Family, text: &str) -> Result<Address, String> {
    Address::parse(family, text).map_err(|error| error.to_string())
}

pub(super) fn amounts(vector: &Value) -> Result<(), String> {
    let amount = TokenAmount::parse_base_units(text(vector, "base_units")?).map_err(|error| error.to_string())?;
    let decimals = vector["decimals"].as_u64().and_then(|decimals| u8::try_from(decimals).ok());
    let decimals = decimals.and_then(Decimals::new).ok_or("no decimals")?;
    equal("the decimal text", &amount.decimal(decimals), text(vector, "decimal_text")?)?;
    equal("the CrossingPay integer", &amount.ten_thousandths(decimals), text(vector, "crossingpay_x10000")?)
}
