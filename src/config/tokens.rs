//! The tokens a network watches.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Address, Decimals, Family, Token, TokenAmount, amount::DECIMALS_MAX};

use super::{
    policy::{Wishes, read_wishes},
    sheet::Section,
};

/// The tokens of a network.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By contract.
    pub(super) all: BTreeMap<Address, Token>,
    /// When deposits of single ones are credited.
    pub(super) wishes: Vec<(Address, Wishes)>,
}

/// The tokens; `family` says how contracts are written. Without one, nothing is said about them.
pub(super) fn read_tokens(section: &mut Section<'_>, family: Option<Family>) -> Option<Tokens> {
    let sections = section.some_tables("tokens", "at least one token must be listed")?;
    let (mut tokens, mut symbols, mut whole) = (Tokens::default(), BTreeSet::new(), true);
    for mut inner in sections {
        let token = read_token(&mut inner, family);
        let wishes = read_wishes(&mut inner);
        if let Some(token) = token {
            if !symbols.insert(token.symbol.clone()) {
                inner.wrong("symbol", format!("{:?} is listed twice on this network", token.symbol));
                whole = false;
            }
            if tokens.all.contains_key(&token.contract) {
                inner.wrong("contract", "is listed twice on this network");
                whole = false;
            }
            whole &= wishes.is_some();
            tokens.wishes.extend(wishes.map(|wishes| (token.contract, wishes)));
            tokens.all.insert(token.contract, token);
        } else {
            whole = false;
        }
        inner.finish();
    }
    whole.then_some(tokens)
}

fn read_token(section: &mut Section<'_>, family: Option<Family>) -> Option<Token> {
    let symbol = section.text("symbol").and_then(|symbol| section.judged("symbol", check_symbol(symbol)));
    let contract = section.text("contract");
    let contract = contract.zip(family);
    let contract = contract.and_then(|(text, family)| section.judged("contract", Address::parse(family, text)));
    let decimals = section.small::<u8>("decimals", 0..=u64::from(DECIMALS_MAX)).and_then(Decimals::new);
    let minimum = section.maybe_text("minimum");
    let decimals = decimals?;
    let minimum = match minimum? {
        None => Some(TokenAmount::ZERO),
        Some(text) => section.judged("minimum", TokenAmount::parse_decimal(text, decimals)),
    };
    Some(Token { contract: contract?, symbol: symbol?, decimals, minimum: minimum? })
}

fn check_symbol(text: &str) -> Result<String, &'static str> {
    let fits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 16 characters of A-Z, a-z, 0-9, '.', '_' and '-'") }
}
