//! From requests to words of the domain. All refused fields of a request are told at once.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

pub(super) mod merchant;
mod rules;

use self::rules::SinceAsked;
use super::{
    notify_url::{UrlCheck, host_of},
    proto::v1::{self, register_order_request::Amount},
    status::{Problem, Violation},
};
use crate::{
    domain::{
        Address, AddressError, AmountError, AppId, Decimals, Family, NetworkId, NetworkSpec, NotifyUrl, OrderId,
        Protocol, SigningKey, Token, TokenAmount, UserMark, amount::DECIMALS_MAX, app::LabelError,
        order::ORDER_LINES_MAX, secret::TEXT_SECRET_BYTES_MAX,
    },
    writer::handle::{NewOrder, NewWatch},
};

/// Longest text that is looked at as an address or token, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Longest text that is looked at as an amount, in bytes: 78 digits, a point and some room.
const AMOUNT_BYTES_MAX: usize = 100;
/// Most hosts an app may allow.
const NOTIFY_HOSTS_MAX: usize = 16;
/// Longest host name, in bytes.
const HOST_BYTES_MAX: usize = 253;
/// Longest text that is looked at as a secret, in bytes.
const SECRET_BYTES_MAX: usize = 128;
/// In front of every secret's base64.
const SECRET_PREFIX: &str = "whsec_";
/// Longest time two secrets sign side by side, in seconds.
const OVERLAP_S_MAX: u32 = 604_800;
/// The time they do if the caller does not say, in seconds.
const OVERLAP_S_DEFAULT: u32 = 86_400;

type Networks = BTreeMap<NetworkId, NetworkSpec>;

/// Collects refused fields.
#[derive(Debug, Default)]
pub(super) struct Form {
    prefix: String,
    violations: Vec<Violation>,
}

impl Form {
    /// Fields from here on belong to `prefix`, as in `orders[3].`.
    pub(super) fn at(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    /// Takes note of a refused field.
    pub(super) fn refuse(&mut self, field: &str, reason: &str, text: impl Into<String>) {
        let field = format!("{}{field}", self.prefix);
        self.violations.push(Violation { field, reason: reason.to_owned(), text: text.into() });
    }

    /// How many fields are refused so far.
    pub(super) fn refused(&self) -> usize {
        self.violations.len()
    }

    /// # Errors
    /// If any field was refused.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.violations.is_empty() { Ok(()) } else { Err(Problem::fields(self.violations)) }
    }

    /// An app's name.
    pub(super) fn app_id(&mut self, text: &str) -> Option<AppId> {
        let parsed = text.parse::<AppId>();
        parsed.map_err(|error| self.refuse("app_id", "APP_ID_FORM", error.to_string())).ok()
    }

    /// A merchant's order id.
    pub(super) fn order_id(&mut self, text: &str) -> Option<OrderId> {
        OrderId::parse(text).map_err(|error| self.refuse("order_id", label_reason(error), error.to_string())).ok()
    }

    fn mark(&mut self, field: &str, text: &str) -> Option<UserMark> {
        UserMark::parse(text).map_err(|error| self.refuse(field, label_reason(error), error.to_string())).ok()
    }

    /// The named networks, all of one family: the one `address` looks like it is of, if it can be told.
    fn networks<'a>(&mut self, known: &'a Networks, names: &[String], address: &str) -> Option<Vec<&'a NetworkSpec>> {
        let before = self.refused();
        if names.is_empty() || names.len() > ORDER_LINES_MAX {
            self.refuse("networks", "NETWORKS_COUNT", format!("must name 1 to {ORDER_LINES_MAX} networks"));
            return None;
        }
        let mut specs: Vec<&NetworkSpec> = Vec::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            let field = format!("networks[{place}]");
            match network(known, name) {
                None => self.refuse(&field, "UNKNOWN_NETWORK", unknown_network(name)),
                Some(spec) if specs.iter().any(|other| other.id == spec.id) => {
                    self.refuse(&field, "NETWORK_TWICE", format!("{} is named twice", spec.id));
                }
                Some(spec) => specs.push(spec),
            }
        }
        self.one_family(&specs, names, address);
        (self.refused() == before).then_some(specs)
    }

    /// Refuses the networks that do not fit the others: by the address, or else by the first one.
    fn one_family(&mut self, specs: &[&NetworkSpec], names: &[String], address: &str) {
        let is_mixed = specs.iter().any(|spec| specs[0].family != spec.family);
        let Some(fits) = Address::looks_like(address).or_else(|| Some(specs.first()?.family)).filter(|_| is_mixed)
        else {
            return;
        };
        let Some(fitting) = specs.iter().find(|spec| spec.family == fits) else { return };
        for spec in specs.iter().filter(|spec| spec.family != fits) {
            let place = names.iter().position(|name| name == spec.id.as_str()).unwrap_or_default();
            let (one, other) = (family_word(spec.family), family_word(fits));
            let text = format!(
                "{} is {one} network and {} {other} one: no address is on both, register one order for each",
                spec.id, fitting.id
            );
            self.refuse(&format!("networks[{place}]"), "NETWORKS_MIXED", text);
        }
    }

    /// An address that can receive on these networks.
    fn address(&mut self, specs: &[&NetworkSpec], text: &str) -> Option<Address> {
        let first = specs.first()?;
        if text.len() > NAME_BYTES_MAX {
            self.refuse("address", "ADDRESS_FORM", format!("{}: is too long for an address", first.id));
            return None;
        }
        let address = match Address::parse(first.family, text) {
            Ok(address) => address,
            Err(error) => {
                let reason = match error {
                    AddressError::Form(..) => "ADDRESS_FORM",
                    AddressError::Checksum => "ADDRESS_CHECKSUM",
                    AddressError::Zero => "ADDRESS_ZERO",
                };
                self.refuse("address", reason, format!("{}: {error}", first.id));
                return None;
            }
        };
        if let Some(spec) = specs.iter().find(|spec| spec.tokens.contains_key(&address)) {
            let text = format!("is the contract of a token on {}, not an account", spec.id);
            self.refuse("address", "ADDRESS_IS_TOKEN", text);
            return None;
        }
        Some(address)
    }

    /// The token on every network; all with the same decimals.
    fn token<'a>(&mut self, specs: &[&'a NetworkSpec], text: &str) -> Option<(Vec<&'a Token>, Decimals)> {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            self.refuse("token", "UNKNOWN_TOKEN", "must be a token's symbol or contract");
            return None;
        }
        let mut tokens = Vec::with_capacity(specs.len());
        for spec in specs {
            let Some(token) = spec.token_named(text) else {
                self.refuse("token", "UNKNOWN_TOKEN", format!("{text:?} is not a configured token of {}", spec.id));
                return None;
            };
            let by_symbol = spec.tokens.values().filter(|other| other.symbol == text).count();
            if token.symbol == text && by_symbol > 1 {
                let text = format!("{text:?} is the symbol of {by_symbol} tokens on {}: name the contract", spec.id);
                self.refuse("token", "TOKEN_AMBIGUOUS", text);
                return None;
            }
            tokens.push(token);
        }
        let decimals = tokens.first()?.decimals;
        if tokens.iter().any(|token| token.decimals != decimals) {
            let text = "has different decimals on these networks: register one order per network";
            self.refuse("token", "TOKEN_DECIMALS_DIFFER", text);
            return None;
        }
        Some((tokens, decimals))
    }

    /// An amount above zero. Without a known token only its form is checked.
    fn amount(&mut self, amount: Option<&Amount>, decimals: Option<Decimals>) -> Option<TokenAmount> {
        let most = Decimals::new(DECIMALS_MAX).expect("the most decimals are a number of decimals");
        let (field, text) = match amount {
            None => {
                self.refuse("amount", "AMOUNT_MISSING", "amount_base_units or amount_decimal must be given");
                return None;
            }
            Some(Amount::AmountBaseUnits(text)) => ("amount_base_units", text),
            Some(Amount::AmountDecimal(text)) => ("amount_decimal", text),
        };
        let parsed = match amount {
            _ if text.len() > AMOUNT_BYTES_MAX => Err(AmountError::TooLarge),
            Some(Amount::AmountDecimal(text)) => TokenAmount::parse_decimal(text, decimals.unwrap_or(most)),
            _ => TokenAmount::parse_base_units(text),
        };
        match parsed {
            Ok(amount) if amount.is_zero() => self.refuse(field, "AMOUNT_ZERO", "must be above zero"),
            Ok(amount) => return Some(amount),
            Err(AmountError::TooLarge) if decimals.is_none() && field == "amount_decimal" => {}
            Err(error) => {
                let reason = match error {
                    AmountError::Form => "AMOUNT_FORM",
                    AmountError::TooLarge => "AMOUNT_TOO_LARGE",
                    AmountError::TooPrecise(_) => "AMOUNT_TOO_PRECISE",
                };
                self.refuse(field, reason, error.to_string());
            }
        }
        None
    }

    /// A URL that may be told, on one of `hosts`.
    pub(super) fn notify_url(&mut self, check: &UrlCheck, text: &str, hosts: &[String]) -> Option<NotifyUrl> {
        let checked = check(text, hosts);
        checked.map_err(|(reason, why)| self.refuse("notify_url", &reason.to_ascii_uppercase(), why)).ok()
    }

    /// Hosts an app allows.
    pub(super) fn notify_hosts(&mut self, hosts: &[String]) -> Vec<String> {
        if hosts.len() > NOTIFY_HOSTS_MAX {
            self.refuse("notify_hosts", "HOSTS_COUNT", format!("must not be more than {NOTIFY_HOSTS_MAX}"));
            return Vec::new();
        }
        let mut allowed = BTreeSet::new();
        for (place, host) in hosts.iter().enumerate() {
            let fits = (1..=HOST_BYTES_MAX).contains(&host.len())
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            if !fits {
                self.refuse(&format!("notify_hosts[{place}]"), "HOST_FORM", "is not a host name");
            }
            allowed.insert(host.to_ascii_lowercase());
        }
        allowed.into_iter().collect()
    }

    /// A signing secret of an app that is told by `protocol`; `None` also if the text is empty and one is to be drawn.
    pub(super) fn secret(&mut self, text: &str, protocol: Protocol) -> Option<SigningKey> {
        if text.is_empty() {
            return None;
        }
        let key = if protocol.has_text_secret() {
            SigningKey::for_protocol(protocol, text.as_bytes().to_vec())
        } else {
            text.strip_prefix(SECRET_PREFIX)
                .filter(|_| text.len() <= SECRET_BYTES_MAX)
                .and_then(|encoded| STANDARD.decode(encoded).ok())
                .and_then(|bytes| SigningKey::for_protocol(protocol, bytes))
        };
        if key.is_none() {
            let form = if protocol.has_text_secret() {
                format!("must be a text of 1 to {TEXT_SECRET_BYTES_MAX} bytes without control characters")
            } else {
                "must be whsec_ and the base64 of 24 to 64 bytes".to_owned()
            };
            self.refuse("secret", "SECRET_FORM", form);
        }
        key
    }

    /// How long two secrets sign side by side, in milliseconds.
    pub(super) fn overlap_ms(&mut self, seconds: Option<u32>) -> u64 {
        let seconds = seconds.unwrap_or(OVERLAP_S_DEFAULT);
        if seconds > OVERLAP_S_MAX {
            self.refuse("overlap_seconds", "OVERLAP_TOO_LONG", format!("must not be above {OVERLAP_S_MAX}"));
        }
        u64::from(seconds) * 1000
    }

    /// An order, all but its URL.
    pub(super) fn order(&mut self, known: &Networks, request: &v1::RegisterOrderRequest) -> Option<NewOrder> {
        let before = self.refused();
        let app = self.app_id(&request.app_id);
        let id = self.order_id(&request.order_id);
        let user_mark = self.mark("user_mark", &request.user_mark);
        let username = self.mark("username", &request.username);
        let specs = self.networks(known, &request.networks, &request.address);
        let address = specs.as_ref().and_then(|specs| self.address(specs, &request.address));
        let token = specs.as_ref().and_then(|specs| self.token(specs, &request.token));
        let expected = self.amount(request.amount.as_ref(), token.as_ref().map(|(_, decimals)| *decimals));
        let amount_policy = self.amount_policy(request.amount_policy);
        let expires = self.expire_time(request.expire_time.as_ref());
        let since = self.since(request.since.as_ref().map(SinceAsked::from));
        if self.refused() > before {
            return None;
        }
        let username = username?.as_str().to_owned();
        let (tokens, _) = token?;
        Some(NewOrder {
            app: app?,
            id: id?,
            user_mark: user_mark?,
            username: (!username.is_empty()).then_some(username),
            address: address?,
            lines: specs?.iter().zip(tokens).map(|(spec, token)| (spec.id.clone(), token.contract)).collect(),
            expected: expected?,
            notify_url: None,
            fail_url: None,
            serial: None,
            amount_policy,
            expires,
            since,
        })
    }

    /// A standing watch.
    pub(super) fn watch(&mut self, known: &Networks, request: &v1::WatchAddressRequest) -> Option<NewWatch> {
        let before = self.refused();
        let app = self.app_id(&request.app_id);
        let user_mark = self.mark("user_mark", &request.user_mark);
        let specs = self.networks(known, &request.networks, &request.address);
        let address = specs.as_ref().and_then(|specs| self.address(specs, &request.address));
        let since = self.since(request.since.as_ref().map(SinceAsked::from));
        if self.refused() > before {
            return None;
        }
        Some(NewWatch {
            app: app?,
            user_mark: user_mark?,
            address: address?,
            networks: specs?.iter().map(|spec| spec.id.clone()).collect(),
            since,
        })
    }

    /// One address on one network.
    pub(super) fn place(&mut self, known: &Networks, name: &str, address: &str) -> Option<(NetworkId, Address)> {
        let Some(spec) = network(known, name) else {
            self.refuse("network", "UNKNOWN_NETWORK", unknown_network(name));
            return None;
        };
        Some((spec.id.clone(), self.address(&[spec], address)?))
    }
}

/// The hosts an app's orders may be told on.
pub(super) fn allowed_hosts(notify_url: &str, notify_hosts: &[String]) -> Vec<String> {
    host_of(notify_url).into_iter().chain(notify_hosts.iter().cloned()).collect()
}

/// A secret as its owner keeps it.
pub(super) fn secret_text(key: &SigningKey, protocol: Protocol) -> Zeroizing<String> {
    if protocol.has_text_secret() {
        // Text when it came in; bytes that are none are of another protocol, and nobody is shown those.
        return Zeroizing::new(std::str::from_utf8(key.expose()).unwrap_or_default().to_owned());
    }
    Zeroizing::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(key.expose())))
}

fn network<'a>(known: &'a Networks, name: &str) -> Option<&'a NetworkSpec> {
    known.get(&name.parse::<NetworkId>().ok()?)
}

fn family_word(family: Family) -> &'static str {
    match family {
        Family::Evm => "an EVM",
        Family::Tron => "a TRON",
    }
}

fn unknown_network(name: &str) -> String {
    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
    format!("{shown:?} is not a configured network")
}

fn label_reason(error: LabelError) -> &'static str {
    match error {
        LabelError::Empty => "EMPTY",
        LabelError::TooLong(_) => "TOO_LONG",
        LabelError::Control => "CONTROL_CHARACTER",
    }
}

#[cfg(test)]
mod tests;
