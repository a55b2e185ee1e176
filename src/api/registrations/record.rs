//! Records to words of the domain and back.

use std::collections::BTreeMap;

use super::{Networks, v1};
use crate::{
    api::{UrlCheck, answer::family_of},
    domain::{
        Address, AmountPolicy, App, AppId, DepositId, Expiry, Family, Height, Holding, LogOrdinal, Millis, NetworkId,
        News, NotifyUrl, Order, OrderId, OrderLine, OrderState, Protocol, Since, Timestamp, TokenAmount, TxHash,
        UserMark, V1Format, V1Scheme, V2Sign, Watch, order::ORDER_LINES_MAX,
    },
    writer::handle::ImportRecord,
};
use v1::registration::Record;

fn wire(record: Record) -> v1::Registration {
    v1::Registration { record: Some(record) }
}

/// An app, without its secrets.
pub(super) fn of_app(app: &App) -> v1::Registration {
    let (scheme, format, sign) = match app.protocol {
        Protocol::CrossingPayV1 { scheme, format } => (Some(scheme), Some(format), None),
        Protocol::CrossingPayV2 { sign } => (None, None, Some(sign)),
        Protocol::StandardWebhooks | Protocol::Udun | Protocol::Usdtcnpay => (None, None, None),
    };
    wire(Record::App(v1::AppRecord {
        app_id: app.id.to_string(),
        notify_url: app.notify_url.as_str().to_owned(),
        notify_hosts: app.notify_hosts.clone(),
        amount_policy: app.amount_policy.word().to_owned(),
        grace_seconds: app.grace_s,
        created_ms: app.created.0,
        protocol: app.protocol.word().to_owned(),
        v1_scheme: scheme.map(V1Scheme::word).unwrap_or_default().to_owned(),
        v1_format: format.map(V1Format::word).unwrap_or_default().to_owned(),
        v2_sign: sign.map(V2Sign::word).unwrap_or_default().to_owned(),
        news_detected: Some(app.news.detected),
        news_unmatched: Some(app.news.unmatched),
        news_expired: Some(app.news.expired),
        news_cancelled: Some(app.news.cancelled),
    }))
}

/// An address.
pub(super) fn of_holding(networks: &Networks, holding: &Holding) -> v1::Registration {
    let (since_height, since_time) = of_since(holding.standing.and_then(|watch| watch.since));
    let order = holding.open_order.as_ref().or(holding.last_order.as_ref());
    wire(Record::Address(v1::AddressRecord {
        network: holding.network.to_string(),
        address: holding.address.text(family_of(networks, &holding.network)),
        app_id: holding.app.to_string(),
        user_mark: holding.user_mark.as_str().to_owned(),
        standing_from: holding.standing.map(|watch| watch.effective_from.0),
        since_height,
        since_time,
        order_id: order.map(ToString::to_string).unwrap_or_default(),
        created_ms: holding.created.0,
    }))
}

/// An order.
pub(super) fn of_order(networks: &Networks, order: &Order) -> v1::Registration {
    let family = order.lines.first().map_or(Family::Evm, |line| family_of(networks, &line.network));
    let lines = order.lines.iter().map(|line| {
        let (since_height, since_time) = of_since(line.since);
        v1::OrderRecordLine {
            network: line.network.to_string(),
            contract: line.token.text(family),
            effective_from: line.effective_from.0,
            since_height,
            since_time,
            closed: line.closed,
        }
    });
    let payment = match &order.state {
        OrderState::Paid(deposit) | OrderState::Reversed(deposit) => Some(deposit),
        OrderState::Open | OrderState::Cancelled | OrderState::Expired => None,
    };
    wire(Record::Order(v1::OrderRecord {
        app_id: order.app.to_string(),
        order_id: order.id.to_string(),
        user_mark: order.user_mark.as_str().to_owned(),
        username: order.username.clone(),
        address: order.address.text(family),
        lines: lines.collect(),
        amount: order.expected.to_string(),
        notify_url: order.notify_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
        amount_policy: order.amount_policy.word().to_owned(),
        own_amount_policy: order.own_amount_policy.map(|policy| policy.word().to_owned()).unwrap_or_default(),
        expires_at: order.expiry.map(|expiry| expiry.at.0),
        grace_seconds: order.expiry.map_or(0, |expiry| expiry.grace_s),
        created_ms: order.created.0,
        state: order.state.word().to_owned(),
        payment: payment.map(|deposit| v1::PaymentRecord {
            network: deposit.network.to_string(),
            tx_hash: deposit.tx.text(family),
            contract: deposit.token.text(family),
            log_ordinal: deposit.ordinal.0,
        }),
        fail_url: order.fail_url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
        ordersn: order.serial.clone().unwrap_or_default(),
    }))
}

fn of_since(since: Option<Since>) -> (Option<u64>, Option<u64>) {
    match since {
        None => (None, None),
        Some(Since::Height(height)) => (Some(height.0), None),
        Some(Since::Time(time)) => (None, Some(time.0)),
    }
}

/// Whose order it is, if the record is one that is told elsewhere.
pub(super) fn app_with_own_url(record: &v1::Registration) -> Option<&str> {
    match &record.record {
        Some(Record::Order(order)) if !order.notify_url.is_empty() || !order.fail_url.is_empty() => Some(&order.app_id),
        Some(Record::Order(_) | Record::Address(_) | Record::App(_)) | None => None,
    }
}

/// Whose it is.
pub(super) fn app_of(record: &ImportRecord) -> &AppId {
    match record {
        ImportRecord::App(app) => &app.id,
        ImportRecord::Address(holding) => &holding.app,
        ImportRecord::Order(order) => &order.app,
    }
}

/// Reads records as strictly as requests are read: what comes back was let in once, but a file may have been changed.
pub(super) struct Reading<'a> {
    pub(super) networks: &'a Networks,
    /// Hosts that orders may be told on, by app.
    pub(super) hosts: &'a BTreeMap<AppId, Vec<String>>,
    pub(super) url_check: &'a UrlCheck,
}

type Read<T> = Result<T, String>;

impl Reading<'_> {
    /// One record.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn record(&self, record: &v1::Registration) -> Read<ImportRecord> {
        match &record.record {
            Some(Record::App(app)) => read_app(app).map(ImportRecord::App),
            Some(Record::Address(address)) => self.address(address).map(ImportRecord::Address),
            Some(Record::Order(order)) => self.order(order).map(ImportRecord::Order),
            None => Err("holds nothing this daemon knows".to_owned()),
        }
    }

    fn address(&self, record: &v1::AddressRecord) -> Read<Holding> {
        let (network, family) = self.network(&record.network)?;
        let since = since(record.since_height, record.since_time)?;
        if since.is_some() && record.standing_from.is_none() {
            return Err("looks back without a standing watch".to_owned());
        }
        let last_order = Some(record.order_id.as_str()).filter(|id| !id.is_empty());
        Ok(Holding {
            address: self.account(&[&network], family, &record.address)?,
            network,
            app: app_id(&record.app_id)?,
            user_mark: user_mark(&record.user_mark)?,
            standing: record.standing_from.map(|from| Watch { effective_from: Height(from), since }),
            open_order: None,
            last_order: last_order.map(order_id).transpose()?,
            created: Millis(record.created_ms),
        })
    }

    fn order(&self, record: &v1::OrderRecord) -> Read<Order> {
        let lines: Vec<OrderLine> = record.lines.iter().map(|line| self.line(line)).collect::<Read<_>>()?;
        let Some(first) = lines.first().filter(|_| lines.len() <= ORDER_LINES_MAX) else {
            return Err(format!("must have 1 to {ORDER_LINES_MAX} networks"));
        };
        let (_, family) = self.network(first.network.as_str())?;
        let networks: Vec<&NetworkId> = lines.iter().map(|line| &line.network).collect();
        for (place, network) in networks.iter().enumerate() {
            if networks[..place].contains(network) || self.network(network.as_str())?.1 != family {
                return Err("names a network twice, or networks of two families".to_owned());
            }
        }
        let app = app_id(&record.app_id)?;
        let expected = TokenAmount::parse_base_units(&record.amount).map_err(|error| format!("amount: {error}"))?;
        if expected.is_zero() {
            return Err("amount: must be above zero".to_owned());
        }
        let username = record.username.as_deref().map(|name| {
            let checked = UserMark::parse(name).map_err(|error| format!("username: {error}"));
            checked.map(|name| name.as_str().to_owned())
        });
        let own = Some(record.own_amount_policy.as_str()).filter(|word| !word.is_empty());
        Ok(Order {
            id: order_id(&record.order_id)?,
            user_mark: user_mark(&record.user_mark)?,
            username: username.transpose()?,
            address: self.account(&networks, family, &record.address)?,
            expected,
            notify_url: self.own_url("notify_url", &app, &record.notify_url)?,
            fail_url: self.own_url("fail_url", &app, &record.fail_url)?,
            serial: serial(&record.ordersn)?,
            amount_policy: amount_policy(&record.amount_policy)?,
            own_amount_policy: own.map(amount_policy).transpose()?,
            expiry: record.expires_at.map(|at| Expiry { at: Timestamp(at), grace_s: record.grace_seconds }),
            created: Millis(record.created_ms),
            state: self.state(&record.state, record.payment.as_ref())?,
            lines,
            app,
        })
    }

    fn line(&self, line: &v1::OrderRecordLine) -> Read<OrderLine> {
        let (network, family) = self.network(&line.network)?;
        let token = Address::parse(family, &line.contract).map_err(|error| format!("contract: {error}"))?;
        Ok(OrderLine {
            network,
            token,
            effective_from: Height(line.effective_from),
            since: since(line.since_height, line.since_time)?,
            closed: line.closed,
        })
    }

    fn state(&self, word: &str, payment: Option<&v1::PaymentRecord>) -> Read<OrderState> {
        let deposit = payment.map(|payment| self.deposit(payment)).transpose()?;
        match (word, deposit) {
            ("open", None) => Ok(OrderState::Open),
            ("paid", Some(deposit)) => Ok(OrderState::Paid(deposit)),
            ("reversed", Some(deposit)) => Ok(OrderState::Reversed(deposit)),
            ("cancelled", None) => Ok(OrderState::Cancelled),
            ("expired", None) => Ok(OrderState::Expired),
            (_, _) => Err("its state is none that an order can have, or does not go with its payment".to_owned()),
        }
    }

    fn deposit(&self, payment: &v1::PaymentRecord) -> Read<DepositId> {
        let (network, family) = self.network(&payment.network)?;
        Ok(DepositId {
            network,
            tx: TxHash::parse(&payment.tx_hash).map_err(|error| format!("tx_hash: {error}"))?,
            token: Address::parse(family, &payment.contract).map_err(|error| format!("contract: {error}"))?,
            ordinal: LogOrdinal(payment.log_ordinal),
        })
    }

    fn network(&self, name: &str) -> Read<(NetworkId, Family)> {
        let id: NetworkId = name.parse().map_err(|error| format!("network: {error}"))?;
        match self.networks.get(&id) {
            Some(spec) => Ok((id, spec.family)),
            None => Err(format!("network {id} is not configured")),
        }
    }

    fn account(&self, networks: &[&NetworkId], family: Family, text: &str) -> Read<Address> {
        let address = Address::parse(family, text).map_err(|error| format!("address: {error}"))?;
        let token_of =
            |network: &&&NetworkId| self.networks.get(**network).is_some_and(|spec| spec.tokens.contains_key(&address));
        match networks.iter().find(token_of) {
            Some(network) => Err(format!("address: is the contract of a token on {network}, not an account")),
            None => Ok(address),
        }
    }

    fn own_url(&self, field: &str, app: &AppId, text: &str) -> Read<Option<NotifyUrl>> {
        if text.is_empty() {
            return Ok(None);
        }
        let hosts = self.hosts.get(app).map(Vec::as_slice).unwrap_or_default();
        (self.url_check)(text, hosts).map(Some).map_err(|(_, why)| format!("{field}: {why}"))
    }
}

/// An app to compare with; it has no keys.
fn read_app(record: &v1::AppRecord) -> Read<App> {
    let usual = News::default();
    Ok(App {
        id: app_id(&record.app_id)?,
        protocol: protocol(record)?,
        notify_url: NotifyUrl::checked(record.notify_url.clone()).ok_or("notify_url: must be a URL")?,
        notify_hosts: record.notify_hosts.clone(),
        news: News {
            detected: record.news_detected.unwrap_or(usual.detected),
            unmatched: record.news_unmatched.unwrap_or(usual.unmatched),
            expired: record.news_expired.unwrap_or(usual.expired),
            cancelled: record.news_cancelled.unwrap_or(usual.cancelled),
        },
        keys: Vec::new(),
        created: Millis(record.created_ms),
        amount_policy: amount_policy(&record.amount_policy)?,
        grace_s: record.grace_seconds,
    })
}

/// What an app is told by; records of older versions do not say it.
fn protocol(record: &v1::AppRecord) -> Read<Protocol> {
    let word = Some(record.protocol.as_str()).filter(|word| !word.is_empty());
    let named = match word {
        None => Protocol::StandardWebhooks,
        Some(word) => {
            let found = Protocol::ALL.into_iter().find(|protocol| protocol.word() == word);
            found.ok_or("protocol: is none that this daemon knows")?
        }
    };
    let scheme = switch("v1_scheme", &record.v1_scheme, &V1Scheme::ALL, V1Scheme::word)?;
    let format = switch("v1_format", &record.v1_format, &V1Format::ALL, V1Format::word)?;
    let sign = switch("v2_sign", &record.v2_sign, &V2Sign::ALL, V2Sign::word)?;
    match (named, scheme, format, sign) {
        (Protocol::CrossingPayV1 { .. }, scheme, format, None) => {
            Ok(Protocol::CrossingPayV1 { scheme: scheme.unwrap_or_default(), format: format.unwrap_or_default() })
        }
        (Protocol::CrossingPayV2 { .. }, None, None, sign) => {
            Ok(Protocol::CrossingPayV2 { sign: sign.unwrap_or_default() })
        }
        (named, None, None, None) => Ok(named),
        (named, ..) => Err(format!("protocol: {} has no such switch", named.word())),
    }
}

/// One of `all`, by its word; `None`: nothing is said.
fn switch<T: Copy>(field: &str, text: &str, all: &[T], word: impl Fn(T) -> &'static str) -> Read<Option<T>> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = all.iter().copied().find(|value| word(*value) == text);
    found.map(Some).ok_or_else(|| format!("{field}: is none that this daemon knows"))
}

/// `cz-` and a version 4 UUID in lower case, as it was drawn.
fn serial(text: &str) -> Read<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let drawn = text.strip_prefix("cz-").and_then(|id| uuid::Uuid::try_parse(id).ok());
    match drawn.filter(|id| id.get_version_num() == 4 && format!("cz-{}", id.hyphenated()) == text) {
        Some(_) => Ok(Some(text.to_owned())),
        None => Err("ordersn: must be cz- and a version 4 UUID in lower case".to_owned()),
    }
}

fn app_id(text: &str) -> Read<AppId> {
    text.parse().map_err(|error| format!("app_id: {error}"))
}

fn order_id(text: &str) -> Read<OrderId> {
    OrderId::parse(text).map_err(|error| format!("order_id: {error}"))
}

fn user_mark(text: &str) -> Read<UserMark> {
    UserMark::parse(text).map_err(|error| format!("user_mark: {error}"))
}

fn amount_policy(word: &str) -> Read<AmountPolicy> {
    let found = AmountPolicy::ALL.into_iter().find(|policy| policy.word() == word);
    found.ok_or_else(|| "amount_policy: must be accept_actual, at_least or strict_exact".to_owned())
}

fn since(height: Option<u64>, time: Option<u64>) -> Read<Option<Since>> {
    match (height, time) {
        (None, None) => Ok(None),
        (Some(height), None) => Ok(Some(Since::Height(Height(height)))),
        (None, Some(time)) => Ok(Some(Since::Time(Timestamp(time)))),
        (Some(_), Some(_)) => Err("looks back to a height and to a time".to_owned()),
    }
}
