//! What the merchant was told, and what the chain itself says should have been told.

use std::{collections::BTreeMap, sync::Arc};

use depositd::{
    devnet::{Log, Received, Sameness, Signature, TRANSFER_TOPIC},
    domain::{Address, Family, Height, TokenAmount},
};
use serde_json::Value;

use super::{Net, TOKEN, World, wait_until};

/// One transfer: network, transaction, place among the token's transfers there.
pub type Key = (String, String, u64);
/// Who received how many base units.
pub type Money = (String, String);

/// One event, at its first arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub event: String,
    pub kind: String,
    pub version: u64,
    pub order: Option<String>,
    pub reason: String,
    pub money: Money,
}

/// All events of transfers, by transfer, in the order of their first arrival; and those of orders: kind and order.
#[derive(Clone, Debug, Default)]
pub struct Books(pub BTreeMap<Key, Vec<Told>>, pub Vec<(String, String)>);

impl Books {
    /// Books what was received. Every request is signed, and no id ever comes with two bodies.
    pub fn of(received: &[Arc<Received>]) -> Self {
        let mut books = Self::default();
        for request in received {
            assert_eq!(request.signature, Signature::Verified, "{request:?}");
            assert_ne!(request.sameness, Sameness::OtherBody, "one id with two bodies: {request:?}");
            if request.sameness == Sameness::Repeat {
                continue;
            }
            let body: Value = serde_json::from_slice(&request.body).expect("a notification is JSON");
            let data = &body["data"];
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            if data["deposit_id"].is_null() {
                books.1.push((text(&body["type"]), text(&data["order"]["order_id"])));
                continue;
            }
            let key = (text(&data["network"]), text(&data["tx_hash"]), data["log_ordinal"].as_u64().expect("a number"));
            let told = Told {
                event: request.id.clone().expect("every notification has its id"),
                kind: text(&body["type"]),
                version: data["version"].as_u64().expect("a number"),
                order: data["order"]["order_id"].as_str().map(str::to_owned),
                reason: text(&data["reason"]),
                money: (text(&data["address"]), text(&data["amount"])),
            };
            assert_eq!(told.event, text(&data["event_id"]), "header and body name the same event");
            books.0.entry(key).or_default().push(told);
        }
        books
    }

    /// What stands credited: credits that were not taken back.
    pub fn standing(&self) -> BTreeMap<Key, Money> {
        let last = self.0.iter().filter_map(|(key, told)| Some((key, told.last()?)));
        let credits = last.filter(|(_, told)| told.kind == "deposit.confirmed");
        credits.map(|(key, told)| (key.clone(), told.money.clone())).collect()
    }

    /// How many events of a kind were told.
    pub fn count(&self, kind: &str) -> usize {
        self.0.values().flatten().filter(|told| told.kind == kind).count()
    }

    /// The versions told of the only transfer, in the order in which they came.
    pub fn versions(&self) -> Vec<(u64, String)> {
        assert!(self.0.len() <= 1, "one transfer is expected: {self:?}");
        self.0.values().flatten().map(|told| (told.version, told.kind.clone())).collect()
    }
}

/// Addresses that are watched, from which height on.
pub type Watched = BTreeMap<Address, u64>;

/// What must stand credited on a network: every transfer of the token to a watched address that is deep enough at the
/// head, or below what is final. Read from the chain itself, by nothing of the daemon's.
pub fn chain_says(net: &Net, watched: &Watched) -> BTreeMap<Key, Money> {
    let (ledger, family) = (net.ledger.lock(), net.plan.family());
    let head = ledger.head().at.height;
    let last = match net.plan.confirmations {
        Some(count) => (head.0 + 1).checked_sub(u64::from(count)).map(Height),
        None => Some(ledger.finalized().at.height),
    };
    let mut credits = BTreeMap::new();
    for block in last.map(|last| ledger.range(Height(0), last)).unwrap_or_default() {
        let height = block.at.height.0;
        for tx in block.txs.iter().filter(|tx| tx.succeeded) {
            let logs = tx.logs.iter().filter(|log| log.address == TOKEN && log.topics.first() == Some(&TRANSFER_TOPIC));
            for (ordinal, log) in (0..).zip(logs) {
                let Some((to, amount)) = paid(log, family) else { continue };
                if watched.get(&to).is_some_and(|from| *from <= height) {
                    let key = (net.plan.slug.clone(), tx.hash.text(family), ordinal);
                    credits.insert(key, (to.text(family), amount.to_string()));
                }
            }
        }
    }
    credits
}

/// Who is paid how much by a log, if it is a transfer of anything.
fn paid(log: &Log, family: Family) -> Option<(Address, TokenAmount)> {
    let ([_, _, to], Ok(amount)) = (log.topics.as_slice(), log.data.as_slice().try_into()) else { return None };
    let (above, address) = to.split_at(12);
    // Some contracts of TRON leave its prefix where zeros belong.
    let is_address = above[..11] == [0; 11] && (above[11] == 0 || (above[11] == 0x41 && family == Family::Tron));
    let amount = TokenAmount::from_bytes(amount);
    (is_address && !amount.is_zero()).then(|| (Address(address.try_into().expect("twenty bytes")), amount))
}

impl World {
    /// Waits until what stands credited at the merchant is exactly what the chains say.
    pub async fn balanced(&self, watched: &[Watched]) {
        let says: BTreeMap<Key, Money> =
            self.nets.iter().zip(watched).flat_map(|(net, watched)| chain_says(net, watched)).collect();
        let what = format!("the merchant to be told of {} credits", says.len());
        wait_until(&what, async || {
            let standing = self.books().standing();
            let never = standing.iter().find(|(key, money)| says.get(*key).is_some_and(|said| said != *money));
            assert_eq!(never, None, "told of a transfer in another form than the chain has it");
            standing == says
        })
        .await;
    }
}
