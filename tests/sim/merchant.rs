//! The receiver: keeps what it was told, and complains about everything a receiver may complain about.

use std::collections::{BTreeMap, BTreeSet};

use depositd::domain::{EventId, Notification, Threshold, TokenAmount};

#[derive(Debug, Default)]
pub struct Merchant {
    bodies: BTreeMap<EventId, Vec<u8>>,
    /// By deposit id: the last version, and what stands credited.
    ledger: BTreeMap<String, (u64, Option<TokenAmount>)>,
    pub unmatched: BTreeMap<String, String>,
    /// Deposits told of as seen; no money.
    pub detected: BTreeSet<String>,
    refusals: BTreeMap<EventId, u32>,
}

impl Merchant {
    /// Takes one delivery. The same event again must have the same body; versions must come one after the other. What is
    /// credited on the network's own word is never taken back.
    pub fn receive(&mut self, notification: &Notification, threshold: Threshold) {
        if let Some(first) = self.bodies.get(&notification.id) {
            assert_eq!(*first, notification.body, "event {} has two bodies", notification.id);
            return;
        }
        self.bodies.insert(notification.id.clone(), notification.body.clone());
        let body: serde_json::Value = serde_json::from_slice(&notification.body).expect("a body is JSON");
        let data = &body["data"];
        if body["type"] == "order.cancelled" {
            // Told once: the id is the order's, and its body never differs.
            return;
        }
        let deposit = data["deposit_id"].as_str().unwrap().to_owned();
        assert_eq!(data["event_id"], notification.id.as_str());
        let version = data["version"].as_u64().unwrap();
        let amount = TokenAmount::parse_base_units(data["amount"].as_str().unwrap()).unwrap();
        let told = self.ledger.entry(deposit.clone()).or_default();
        match body["type"].as_str().unwrap() {
            "deposit.confirmed" => {
                assert_eq!(version, told.0 + 1, "{deposit}: credit out of order");
                assert_eq!(told.1, None, "{deposit} credited twice");
                if let Threshold::Confirmations(needed) = threshold {
                    let confirmations = data["confirmations"].as_u64().unwrap();
                    assert!(confirmations >= u64::from(needed.get()), "{deposit} credited too early");
                }
                *told = (version, Some(amount));
            }
            "deposit.reversed" => {
                assert_ne!(threshold, Threshold::Finalized, "{deposit} was final and is taken back");
                assert_eq!(version, told.0 + 1, "{deposit}: reversal out of order");
                assert_eq!(told.1, Some(amount), "{deposit}: takes back what was not credited");
                *told = (version, None);
            }
            "deposit.detected" => {
                assert_eq!((version, data["reason"].as_str()), (0, Some("pending")), "{deposit}");
                assert!(self.detected.insert(deposit.clone()), "{deposit} is told as seen twice");
                if let Threshold::Confirmations(needed) = threshold {
                    let confirmations = data["confirmations"].as_u64().unwrap();
                    assert!((1..u64::from(needed.get())).contains(&confirmations), "{deposit} had its depth");
                }
            }
            "deposit.unmatched" => {
                let reason = data["reason"].as_str().unwrap().to_owned();
                assert!(self.unmatched.insert(deposit, reason).is_none(), "unmatched is told once");
            }
            other => panic!("unknown event {other}"),
        }
    }

    /// Whether this delivery may fail: no event is refused for ever.
    pub fn may_refuse(&mut self, id: &EventId) -> bool {
        let refusals = self.refusals.entry(id.clone()).or_default();
        *refusals += 1;
        *refusals <= 4
    }

    /// What stands credited, by deposit id.
    pub fn credited(&self) -> BTreeMap<String, TokenAmount> {
        self.ledger.iter().filter_map(|(id, (_, amount))| Some((id.clone(), (*amount)?))).collect()
    }

    pub fn events(&self) -> &BTreeMap<EventId, Vec<u8>> {
        &self.bodies
    }
}
