//! A name for one state of a network's rules.

use sha2::{Digest, Sha256};

use super::{Need, Origin, Policy};
use crate::domain::Threshold;

/// Bytes of the digest that are shown.
const ETAG_BYTES: usize = 16;

impl Policy {
    /// 32 hex digits that name the tiers that count, and who said so and when: another one as soon as any of it changes,
    /// also if a rule is set to what it was before.
    pub fn etag(&self) -> String {
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        };
        put(&need(self.base()));
        for ((token, app), ladder) in self.ladders() {
            put(&hex::encode(token.0));
            put(app.as_ref().map_or("", |app| app.as_str()));
            put(&ladder.len().to_string());
            for rung in ladder {
                put(&rung.from.to_string());
                put(&need(rung.need));
                put(&rung.scope.token.map_or_else(String::new, |token| hex::encode(token.0)));
                put(rung.scope.app.as_ref().map_or("", |app| app.as_str()));
                match &rung.origin {
                    Origin::Default => put("default"),
                    Origin::File(place) => put(place),
                    Origin::Runtime(act) => {
                        put(&act.by);
                        put(&act.at.0.to_string());
                        put(&act.why);
                    }
                }
            }
        }
        hex::encode(&hash.finalize()[..ETAG_BYTES])
    }
}

fn need(need: Need) -> String {
    let threshold = match need.threshold {
        Threshold::Confirmations(count) => count.get().to_string(),
        Threshold::Finalized => "finalized".to_owned(),
    };
    if need.second_source { format!("{threshold}+") } else { threshold }
}
