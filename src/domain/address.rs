//! Account addresses: 20 bytes inside, each family's own text outside.
//!
//! Sources: EIP-55 (mixed-case checksum); TRON's base58check of `0x41` and 20 bytes.

use std::fmt;

use tiny_keccak::{Hasher, Keccak};

use super::Family;

/// First byte of every TRON address before base58check.
const TRON_PREFIX: u8 = 0x41;

/// Twenty bytes that own tokens on a network. The same bytes on two networks are two addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

/// Why a text is not an address; says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not the family's form at all.
    #[error("not an {0} address: {1}")]
    Form(&'static str, &'static str),
    /// Mixed case whose EIP-55 checksum does not hold, or a wrong base58 checksum.
    #[error("the address checksum does not hold: a character is wrong")]
    Checksum,
    /// The zero address: nobody holds its key.
    #[error("the zero address cannot receive payments")]
    Zero,
}

impl Address {
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
    const FORM: AddressError = AddressError::Form("EVM", "expected 0x and 40 hex digits");
    let digits = text.strip_prefix("0x").ok_or(if text.starts_with('T') {
        AddressError::Form("EVM", "this looks like a TRON address")
    } else {
        FORM
    })?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| FORM)?;
    let has_lower = digits.bytes().any(|b| b.is_ascii_lowercase());
    let has_upper = digits.bytes().any(|b| b.is_ascii_uppercase());
    if has_lower && has_upper && eip55(&bytes) != text {
        return Err(AddressError::Checksum);
    }
    Ok(Address(bytes))
}

fn parse_tron(text: &str) -> Result<Address, AddressError> {
    const FORM: AddressError = AddressError::Form("TRON", "expected T… in base58check, or 41 and 40 hex digits");
    if text.starts_with("0x") {
        return Err(AddressError::Form("TRON", "this looks like an EVM address"));
    }
    if text.len() == 42 && text.starts_with("41") {
        let mut bytes = [0; 21];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| FORM)?;
        return tail(&bytes).ok_or(FORM);
    }
    let decoded = bs58::decode(text).with_check(Some(TRON_PREFIX)).into_vec();
    match decoded {
        Ok(bytes) => tail(&bytes).ok_or(FORM),
        Err(bs58::decode::Error::InvalidChecksum { .. }) => Err(AddressError::Checksum),
        Err(_) => Err(FORM),
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
    fn wrong_forms_say_what_they_look_like() {
        for (family, text) in [
            (Family::Evm, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
            (Family::Evm, "0x1234"),
            (Family::Evm, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (Family::Evm, "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (Family::Tron, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
            (Family::Tron, ""),
            (Family::Tron, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        ] {
            assert!(matches!(Address::parse(family, text), Err(AddressError::Form(..))), "{text}");
        }
        let zero = format!("0x{}", "0".repeat(40));
        assert_eq!(Address::parse(Family::Evm, &zero), Err(AddressError::Zero));
    }
}
