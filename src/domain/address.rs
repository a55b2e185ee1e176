//! Account addresses: 20 bytes inside, each family's own text outside.
//!
//! Sources: EIP-55 (mixed-case checksum); TRON's base58check of `0x41` and 20 bytes.

use std::fmt;

use tiny_keccak::{Hasher, Keccak};

use super::Family;

/// First byte of every TRON address before base58check.
const TRON_PREFIX: u8 = 0x41;
/// Characters of every TRON address in base58check: with this first byte there are never more or fewer.
const TRON_CHARS: usize = 34;
/// What to write on an EVM network.
const EVM_FORM: &str = "expected 0x and 40 hex digits";
/// What to write on a TRON network.
const TRON_FORM: &str = "expected T and 33 more base58 characters, or 41 and 40 hex digits";

/// Twenty bytes that own tokens on a network. The same bytes on two networks are two addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

/// Why a text is not an address; says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not the family's form at all: the family, what the text looks like (may be empty), what to write.
    #[error("not {0} address: {1}{2}")]
    Form(&'static str, &'static str, &'static str),
    /// Mixed case whose EIP-55 checksum does not hold, or a wrong base58 checksum.
    #[error("the address checksum does not hold: a character is wrong")]
    Checksum,
    /// The zero address: nobody holds its key.
    #[error("the zero address cannot receive payments")]
    Zero,
}

impl Address {
    /// The family whose form `text` has at a glance; `None` if it has neither. Says nothing about checksums.
    pub fn looks_like(text: &str) -> Option<Family> {
        let is_hex = |digits: &str| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).is_some_and(is_hex) {
            return Some(Family::Evm);
        }
        let is_base58 = text.len() == TRON_CHARS && text.starts_with(['T', 't']);
        (is_base58 || text.strip_prefix("41").is_some_and(is_hex)).then_some(Family::Tron)
    }

    /// Reads an address as people and other systems write it for `family`.
    ///
    /// EVM: `0x` and 40 hex digits; one case throughout is taken as it is, mixed case must satisfy EIP-55.
    /// TRON: base58check starting with `T`, or 42 hex digits starting with `41`.
    ///
    /// # Errors
    /// [`AddressError`] names what is wrong; the zero address is refused here.
    pub fn parse(family: Family, text: &str) -> Result<Self, AddressError> {
        let address = match family {
            Family::Evm => parse_evm(text)?,
            Family::Tron => parse_tron(text)?,
        };
        if address.0 == [0; 20] { Err(AddressError::Zero) } else { Ok(address) }
    }

    /// The wire text used in notifications, ids and stored exports: lower-case hex, or base58check.
    pub fn text(&self, family: Family) -> String {
        match family {
            Family::Evm => format!("0x{}", hex::encode(self.0)),
            Family::Tron => bs58::encode(self.0).with_check_version(TRON_PREFIX).into_string(),
        }
    }

    /// The text for people: EIP-55 mixed case, or base58check.
    pub fn display(&self, family: Family) -> String {
        match family {
            Family::Evm => eip55(&self.0),
            Family::Tron => self.text(Family::Tron),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

fn parse_evm(text: &str) -> Result<Address, AddressError> {
    let form = |looks| AddressError::Form("an EVM", looks, EVM_FORM);
    if Address::looks_like(text) == Some(Family::Tron) {
        return Err(form("this looks like a TRON address; "));
    }
    let digits = text.strip_prefix("0x").ok_or_else(|| form(""))?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| form(""))?;
    let has_lower = digits.bytes().any(|b| b.is_ascii_lowercase());
    let has_upper = digits.bytes().any(|b| b.is_ascii_uppercase());
    if has_lower && has_upper && eip55(&bytes) != text {
        return Err(AddressError::Checksum);
    }
    Ok(Address(bytes))
}

/// The same 20 bytes are an account in both families, but whoever wrote them in the other family's form most likely holds
/// the key there and not here: nothing is converted.
fn parse_tron(text: &str) -> Result<Address, AddressError> {
    let form = |looks| AddressError::Form("a TRON", looks, TRON_FORM);
    if text.len() == 42 && text.starts_with("41") {
        let mut bytes = [0; 21];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| form(""))?;
        return tail(&bytes).ok_or(form(""));
    }
    if text.starts_with("0x41") && text.len() == 44 {
        return Err(form("0x does not belong in front of it; "));
    }
    if text.starts_with("0x") || text.starts_with("0X") {
        return Err(form("this looks like an EVM address; "));
    }
    if text.len() != TRON_CHARS {
        return Err(form(""));
    }
    if text.starts_with('t') {
        return Err(form("its case was changed: case counts; "));
    }
    match bs58::decode(text).with_check(Some(TRON_PREFIX)).into_vec() {
        Ok(bytes) => tail(&bytes).ok_or(form("")),
        Err(bs58::decode::Error::InvalidChecksum { .. }) => Err(AddressError::Checksum),
        Err(bs58::decode::Error::InvalidCharacter { .. }) => Err(form("0, O, I and l do not occur in it; ")),
        Err(_) => Err(form("")),
    }
}

/// The 20 bytes behind a one-byte prefix.
fn tail(prefixed: &[u8]) -> Option<Address> {
    match prefixed {
        [TRON_PREFIX, rest @ ..] => rest.try_into().ok().map(Address),
        _ => None,
    }
}

/// EIP-55: a hex letter is upper case where the Keccak-256 of the lower-case digits has a nibble of 8 or more.
fn eip55(bytes: &[u8; 20]) -> String {
    let lower = hex::encode(bytes);
    let mut digest = [0; 32];
    let mut keccak = Keccak::v256();
    keccak.update(lower.as_bytes());
    keccak.finalize(&mut digest);
    let digits = lower.chars().enumerate().map(|(place, digit)| {
        let nibble = if place % 2 == 0 { digest[place / 2] >> 4 } else { digest[place / 2] & 15 };
        if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }
    });
    "0x".chars().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of EIP-55 itself.
    const EIP55: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn eip55_examples_round_trip() {
        for text in EIP55 {
            let address = Address::parse(Family::Evm, text).unwrap();
            assert_eq!(address.display(Family::Evm), text);
            let lower = text.to_lowercase();
            assert_eq!(Address::parse(Family::Evm, &lower).unwrap(), address);
            assert_eq!(address.text(Family::Evm), lower);
        }
    }

    #[test]
    fn one_wrong_case_is_a_wrong_checksum() {
        let text = EIP55[0].replacen('A', "a", 1);
        assert_eq!(Address::parse(Family::Evm, &text), Err(AddressError::Checksum));
    }

    #[test]
    fn tron_base58_and_hex_name_the_same_account() {
        let base58 = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
        let address = Address::parse(Family::Tron, base58).unwrap();
        assert_eq!(address.text(Family::Tron), base58);
        assert_eq!(Address::parse(Family::Tron, "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"), Ok(address));
        assert_eq!(
            Address::parse(Family::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T"),
            Err(AddressError::Checksum),
            "case is part of the checksum, never folded"
        );
    }

    #[test]
    fn wrong_forms_say_what_they_look_like_and_what_to_write() {
        let evm = "not an EVM address: expected 0x and 40 hex digits";
        let from_tron = "not an EVM address: this looks like a TRON address; expected 0x and 40 hex digits";
        let tron = |looks: &str| {
            let form = "expected T and 33 more base58 characters, or 41 and 40 hex digits";
            format!("not a TRON address: {looks}{form}")
        };
        for (family, text, error) in [
            (Family::Evm, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", from_tron.to_owned()),
            (Family::Evm, "41a614f803b6fd780986a42c78ec9c7f77e6ded13c", from_tron.to_owned()),
            (Family::Evm, "0x1234", evm.to_owned()),
            (Family::Evm, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", evm.to_owned()),
            (Family::Evm, "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", evm.to_owned()),
            (Family::Tron, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", tron("this looks like an EVM address; ")),
            (Family::Tron, EIP55[0], tron("this looks like an EVM address; ")),
            (Family::Tron, "0x41a614f803b6fd780986a42c78ec9c7f77e6ded13c", tron("0x does not belong in front of it; ")),
            (Family::Tron, "a614f803b6fd780986a42c78ec9c7f77e6ded13c", tron("")),
            (Family::Tron, "42a614f803b6fd780986a42c78ec9c7f77e6ded13c", tron("")),
            (Family::Tron, "41a614f803b6fd780986a42c78ec9c7f77e6ded13g", tron("")),
            (Family::Tron, "tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t", tron("its case was changed: case counts; ")),
            (Family::Tron, "TR7NHQJEKQXGTCI8Q8ZY4PL8OTSZGJLJ6T", tron("0, O, I and l do not occur in it; ")),
            (Family::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6", tron("")),
            (Family::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t ", tron("")),
            (Family::Tron, "1TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", tron("")),
            (Family::Tron, "", tron("")),
            (Family::Tron, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", tron("")),
        ] {
            assert_eq!(Address::parse(family, text).map_err(|refused| refused.to_string()), Err(error), "{text}");
        }
    }

    #[test]
    fn tron_addresses_have_34_characters_and_each_of_them_counts() {
        // The lowest and the highest there are.
        for (bytes, text) in
            [([0; 20], "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"), ([0xff; 20], "TZJozAg1ruapycCicgz31GxvYJ1FraLjZa")]
        {
            assert_eq!(Address(bytes).text(Family::Tron), text);
            assert_eq!(text.len(), 34);
        }
        let text = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
        for place in 1..text.len() {
            let mut letters = text.as_bytes().to_vec();
            letters[place] = if letters[place].is_ascii_alphabetic() { letters[place] ^ 0x20 } else { b'2' };
            let changed = String::from_utf8(letters).unwrap();
            assert!(changed == text || Address::parse(Family::Tron, &changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn nobody_is_paid_at_the_zero_address() {
        let hex = "0".repeat(40);
        for (family, text) in [
            (Family::Evm, format!("0x{hex}")),
            (Family::Tron, "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb".to_owned()),
            (Family::Tron, format!("41{hex}")),
        ] {
            assert_eq!(Address::parse(family, &text), Err(AddressError::Zero), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_account_reads_back_from_each_of_its_forms(bytes in prop::array::uniform20(prop::num::u8::ANY)) {
            let address = Address(bytes);
            prop_assume!(bytes != [0; 20]);
            for (family, text) in [
                (Family::Evm, address.text(Family::Evm)),
                (Family::Evm, address.display(Family::Evm)),
                (Family::Tron, address.text(Family::Tron)),
                (Family::Tron, format!("41{}", hex::encode(bytes))),
                (Family::Tron, format!("41{}", hex::encode_upper(bytes))),
            ] {
                prop_assert_eq!(Address::parse(family, &text), Ok(address));
                prop_assert_eq!(Address::looks_like(&text), Some(family));
                let other = if family == Family::Evm { Family::Tron } else { Family::Evm };
                prop_assert!(matches!(Address::parse(other, &text), Err(AddressError::Form(..))), "{}", text);
            }
            prop_assert_eq!(address.text(Family::Tron).len(), TRON_CHARS);
        }
    }
}
