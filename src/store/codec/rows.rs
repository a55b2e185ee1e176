//! Bodies of the rows.

use super::{
    CodecError, Reader, Writer,
    governed::{read_audit, read_override, read_scan, write_audit, write_override, write_scan},
    parts,
    parts::Read,
    registered::{read_app, read_holding, read_order, write_app, write_holding, write_order},
    seen::{read_deposit, write_deposit},
    told::{
        read_attempt, read_endpoint, read_notification, read_trade, write_attempt, write_endpoint, write_notification,
        write_trade,
    },
    unwrap, wrap,
};
use crate::{
    domain::{
        App, Attempt, AuditRecord, BlockHash, Cursor, Deposit, Endpoint, Header, Holding, NetworkId, Notification,
        Order, PolicyOverride, Scan, Timestamp,
    },
    store::keys::{Key, Table},
};

/// A row that is not derived from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Row {
    App(App),
    Order(Order),
    Holding(Holding),
    Cursor(NetworkId, Cursor),
    Header(NetworkId, Header),
    Deposit(Deposit),
    Notification(Notification),
    Attempt(Attempt),
    Endpoint(Endpoint),
    Trade(u64, String),
    Override(PolicyOverride),
    Scan(Scan),
    Audit(AuditRecord),
}

impl Row {
    /// Where it lives.
    pub(in crate::store) fn key(&self) -> Key {
        match self {
            Self::App(app) => Key::app(&app.id),
            Self::Order(order) => Key::order(&order.app, &order.id),
            Self::Holding(holding) => Key::holding(&holding.network, holding.address),
            Self::Cursor(network, _) => Key::cursor(network),
            Self::Header(network, header) => Key::header(network, header.at.height),
            Self::Deposit(deposit) => Key::deposit(&deposit.id),
            Self::Notification(notification) => Key::notification(&notification.id),
            Self::Attempt(attempt) => Key::attempt(&attempt.event, attempt.number),
            Self::Endpoint(endpoint) => Key::endpoint(endpoint.id),
            Self::Trade(number, _) => Key::trade(*number),
            Self::Override(set) => Key::policy(&set.network, &set.scope),
            Self::Scan(scan) => Key::scan(&scan.network, scan.target),
            Self::Audit(record) => Key::audit(record.number),
        }
    }

    /// Kind and owner, for messages.
    pub(in crate::store) fn name(&self) -> String {
        match self {
            Self::App(app) => format!("app {}", app.id),
            Self::Order(order) => format!("order {} of app {}", order.id, order.app),
            Self::Holding(holding) => format!("address {:?} on {}", holding.address, holding.network),
            Self::Cursor(network, _) => format!("cursor of {network}"),
            Self::Header(network, header) => format!("header {} of {network}", header.at.height),
            Self::Deposit(deposit) => format!("deposit {}", deposit.text()),
            Self::Notification(notification) => format!("notification {}", notification.id),
            Self::Attempt(attempt) => format!("attempt {} of {}", attempt.number.0, attempt.event),
            Self::Endpoint(endpoint) => format!("endpoint {} of app {}", endpoint.id, endpoint.app),
            Self::Trade(number, _) => format!("Udun number {number}"),
            Self::Override(set) => format!("policy override of {}", set.network),
            Self::Scan(scan) => format!("scan of {}", scan.network),
            Self::Audit(record) => format!("audit record {}", record.number),
        }
    }

    /// Its value.
    pub(in crate::store) fn encode(&self) -> Vec<u8> {
        wrap(|to| match self {
            Self::App(app) => write_app(to, app),
            Self::Order(order) => write_order(to, order),
            Self::Holding(holding) => write_holding(to, holding),
            Self::Cursor(network, cursor) => write_cursor(to, network, cursor),
            Self::Header(network, header) => write_header(to, network, header),
            Self::Deposit(deposit) => write_deposit(to, deposit),
            Self::Notification(notification) => write_notification(to, notification),
            Self::Attempt(attempt) => write_attempt(to, attempt),
            Self::Endpoint(endpoint) => write_endpoint(to, endpoint),
            Self::Trade(number, deposit) => write_trade(to, *number, deposit),
            Self::Override(set) => write_override(to, set),
            Self::Scan(scan) => write_scan(to, scan),
            Self::Audit(record) => write_audit(to, record),
        })
    }

    /// The row at `key`, which must be where it belongs.
    pub(in crate::store) fn decode(table: Table, key: &[u8], value: &[u8]) -> Read<Self> {
        let row = unwrap(value, |from| match table {
            Table::Apps => read_app(from).map(Self::App),
            Table::Orders => read_order(from).map(Self::Order),
            Table::Holdings => read_holding(from).map(Self::Holding),
            Table::Cursors => read_cursor(from).map(|(network, cursor)| Self::Cursor(network, cursor)),
            Table::Headers => read_header(from).map(|(network, header)| Self::Header(network, header)),
            Table::Deposits => read_deposit(from).map(Self::Deposit),
            Table::Notifications => read_notification(from).map(Self::Notification),
            Table::Attempts => read_attempt(from).map(Self::Attempt),
            Table::Endpoints => read_endpoint(from).map(Self::Endpoint),
            Table::Trades => read_trade(from).map(|(number, deposit)| Self::Trade(number, deposit)),
            Table::Overrides => read_override(from).map(Self::Override),
            Table::Scans => read_scan(from).map(Self::Scan),
            Table::Audit => read_audit(from).map(Self::Audit),
            Table::Meta
            | Table::Seal
            | Table::Upgrade
            | Table::Expiries
            | Table::DepositsByText
            | Table::DepositsByApp
            | Table::DepositsByOrder
            | Table::Due
            | Table::DeadLetters
            | Table::Feed
            | Table::FeedByApp
            | Table::Untold => Err(CodecError("not a table of rows")),
        })?;
        if row.key().as_bytes() == key { Ok(row) } else { Err(CodecError("the row belongs to another key")) }
    }
}

fn write_cursor(to: &mut Writer, network: &NetworkId, cursor: &Cursor) {
    to.text(network.as_str());
    parts::write_block(to, cursor.tip);
    to.u64(cursor.tip_time.0);
    to.u64(cursor.peak.0);
    to.option(cursor.finalized, parts::write_block);
    to.option(cursor.take_back_above, |to, height| to.u64(height.0));
}

fn read_cursor(from: &mut Reader<'_>) -> Read<(NetworkId, Cursor)> {
    let network = parts::network_id(from)?;
    let cursor = Cursor {
        tip: parts::block(from)?,
        tip_time: Timestamp(from.u64()?),
        peak: parts::height(from)?,
        finalized: from.option(parts::block)?,
        take_back_above: if from.version() < 2 { None } else { from.option(parts::height)? },
    };
    Ok((network, cursor))
}

fn write_header(to: &mut Writer, network: &NetworkId, header: &Header) {
    to.text(network.as_str());
    parts::write_block(to, header.at);
    to.fixed(&header.parent.0);
    to.u64(header.time.0);
}

fn read_header(from: &mut Reader<'_>) -> Read<(NetworkId, Header)> {
    let network = parts::network_id(from)?;
    Ok((network, Header { at: parts::block(from)?, parent: BlockHash(from.fixed()?), time: Timestamp(from.u64()?) }))
}
