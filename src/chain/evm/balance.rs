//! What a token's contract says an address has.

use super::{EvmSource, wire::Bytes};
use crate::{
    chain::{BalanceSource, Doubt, SourceError},
    domain::{Address, TokenAmount},
};

/// The beginning of the call data of `balanceOf(address)`, and the zeros in front of the address.
const BALANCE_OF: &str = "0x70a08231000000000000000000000000";

impl BalanceSource for EvmSource {
    async fn balance(&self, token: Address, address: Address) -> Result<TokenAmount, SourceError> {
        let owner = hex::encode(address.0);
        let params = format!(r#"[{{"to":"{token:?}","data":"{BALANCE_OF}{owner}"}},"latest"]"#);
        let answer: Result<Bytes<32>, Doubt> = self.rpc.fetch("eth_call", &params).await;
        answer.map(|Bytes(word)| TokenAmount::from_bytes(&word)).map_err(|doubt| self.rpc.error(doubt))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{honest::USDT, tests::settings};
    use super::*;
    use crate::chain::scripted::{Out, node};

    #[tokio::test]
    async fn a_balance_is_one_word_and_nothing_else() {
        let owner = Address([0xab; 20]);
        let asked = format!("0x70a08231{}{}", "00".repeat(12), "ab".repeat(20));
        for (answer, expected) in [
            (json!(format!("0x{:064x}", 1_234_567)), Some(TokenAmount::of(1_234_567))),
            (json!(format!("0x{}", "f".repeat(64))), Some(TokenAmount::MAX)),
            (json!("0x"), None),
            (json!("0x01"), None),
            (Value::Null, None),
        ] {
            let (asked, told) = (asked.clone(), answer.clone());
            let node = node(move |method, params| {
                assert_eq!((method, &params[0]["data"], &params[1]), ("eth_call", &json!(asked), &json!("latest")));
                Out::Result(told.clone())
            })
            .await;
            let balance = EvmSource::new(settings(&node)).unwrap().balance(USDT, owner).await;
            assert_eq!(balance.ok(), expected, "{answer}");
        }
    }
}
