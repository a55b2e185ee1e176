//! Token amounts: unsigned 256-bit integers in base units. Decimal text is made by exact integer arithmetic.

use std::{fmt, iter};

use primitive_types::U256;

/// Most decimals a 256-bit amount can carry.
pub const DECIMALS_MAX: u8 = 77;

/// Digits after the point of a token's decimal text, 0 to [`DECIMALS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimals(u8);

impl Decimals {
    /// `None` above [`DECIMALS_MAX`].
    pub fn new(decimals: u8) -> Option<Self> {
        (decimals <= DECIMALS_MAX).then_some(Self(decimals))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Base units of a token, 0 to 2^256 − 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TokenAmount(pub U256);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not plain digits.
    #[error("an amount is written as digits only, without sign, blanks, exponent or leading zeros")]
    Form,
    /// More than 2^256 − 1 base units.
    #[error("the amount does not fit 256 bits")]
    TooLarge,
    /// More digits after the point than the token has.
    #[error("the amount has more decimals than the token ({0})")]
    TooPrecise(u8),
}

impl TokenAmount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::zero());

    /// The largest there is.
    pub const MAX: Self = Self(U256::MAX);

    /// From a small number of base units.
    pub fn of(base_units: u64) -> Self {
        Self(U256::from(base_units))
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, or `None` beyond 256 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Reads base units: `0`, or digits without a leading zero.
    ///
    /// # Errors
    /// [`AmountError::Form`], [`AmountError::TooLarge`].
    pub fn parse_base_units(text: &str) -> Result<Self, AmountError> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(AmountError::Form);
        }
        U256::from_dec_str(text).map(Self).map_err(|_| AmountError::TooLarge)
    }

    /// Reads decimal text (`10`, `10.5`) of a token with `decimals` digits after the point.
    ///
    /// # Errors
    /// [`AmountError`]; nothing is ever rounded.
    pub fn parse_decimal(text: &str, decimals: Decimals) -> Result<Self, AmountError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountError::Form),
            Some((whole, fraction)) => (whole, fraction),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(AmountError::Form);
        }
        let missing =
            usize::from(decimals.get()).checked_sub(fraction.len()).ok_or(AmountError::TooPrecise(decimals.get()))?;
        let all: String = whole.chars().chain(fraction.chars()).chain(iter::repeat_n('0', missing)).collect();
        let significant = all.trim_start_matches('0');
        Self::parse_base_units(if significant.is_empty() { "0" } else { significant })
    }

    /// Decimal text with exactly `decimals` digits after the point, and no point where there are none.
    pub fn decimal(self, decimals: Decimals) -> String {
        let places = usize::from(decimals.get());
        let digits = format!("{:0>width$}", self.0.to_string(), width = places + 1);
        if places == 0 {
            return digits;
        }
        let (whole, fraction) = digits.split_at(digits.len() - places);
        format!("{whole}.{fraction}")
    }

    /// Decimal text without needless zeros: `800`, `0.5`.
    pub fn short_decimal(self, decimals: Decimals) -> String {
        let text = self.decimal(decimals);
        if decimals.get() == 0 {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The integer CrossingPay writes (protocols.md 0): floor(base units * 10^4 / 10^decimals), as digits.
    ///
    /// Text, because tokens with fewer than four decimals can have more of them than 256 bits hold.
    pub fn ten_thousandths(self, decimals: Decimals) -> String {
        const PLACES: u8 = 4;
        if let Some(fewer) = decimals.get().checked_sub(PLACES) {
            // 10^73 at most, which 256 bits hold.
            return (self.0 / U256::exp10(usize::from(fewer))).to_string();
        }
        let zeros = if self.is_zero() { 0 } else { usize::from(PLACES - decimals.get()) };
        self.0.to_string().chars().chain(iter::repeat_n('0', zeros)).collect()
    }

    /// 32 bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.to_big_endian(&mut bytes);
        bytes
    }

    /// From 32 bytes, most significant first.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(U256::from_big_endian(bytes))
    }
}

impl fmt::Display for TokenAmount {
    /// Base units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TokenAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

    fn decimals(n: u8) -> Decimals {
        Decimals::new(n).unwrap()
    }

    #[test]
    fn decimal_text_is_exact() {
        for (base, places, text) in [
            ("0", 6, "0.000000"),
            ("1", 6, "0.000001"),
            ("100000000", 6, "100.000000"),
            ("7", 0, "7"),
            (MAX, 18, "115792089237316195423570985008687907853269984665640564039457.584007913129639935"),
        ] {
            let amount = TokenAmount::parse_base_units(base).unwrap();
            assert_eq!(amount.decimal(decimals(places)), text);
            assert_eq!(TokenAmount::parse_decimal(text, decimals(places)), Ok(amount));
            assert_eq!(TokenAmount::from_bytes(&amount.to_bytes()), amount);
        }
    }

    #[test]
    fn published_conversions_are_met() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../tests/golden/vectors.json")).unwrap();
        let all = file["amounts"].as_array().unwrap();
        assert_eq!(all.len(), 17);
        for vector in all {
            let text = |name: &str| vector[name].as_str().unwrap();
            let places = decimals(u8::try_from(vector["decimals"].as_u64().unwrap()).unwrap());
            let amount = TokenAmount::parse_base_units(text("base_units")).unwrap();
            assert_eq!(amount.decimal(places), text("decimal_text"));
            assert_eq!(amount.ten_thousandths(places), text("crossingpay_x10000"));
        }
        assert_eq!(TokenAmount::MAX.ten_thousandths(decimals(0)), format!("{MAX}0000"), "more than 256 bits");
        assert_eq!(TokenAmount::MAX.ten_thousandths(decimals(77)), "11579");
        assert_eq!(TokenAmount::ZERO.ten_thousandths(decimals(0)), "0");
        for (base, places, text) in [(800_000_000, 6, "800"), (500_000, 6, "0.5"), (0, 6, "0"), (100, 0, "100")] {
            assert_eq!(TokenAmount::of(base).short_decimal(decimals(places)), text);
        }
    }

    #[test]
    fn amounts_are_refused_not_rounded() {
        for text in ["", "-1", "+1", " 1", "01", "1e3", "0x1", "1_000", "1.5", "１"] {
            assert_eq!(TokenAmount::parse_base_units(text), Err(AmountError::Form), "{text}");
        }
        let beyond = MAX.replace("935", "936");
        assert_eq!(TokenAmount::parse_base_units(&beyond), Err(AmountError::TooLarge));
        assert_eq!(TokenAmount::parse_decimal("1.0000001", decimals(6)), Err(AmountError::TooPrecise(6)));
        for text in [".5", "1.", "1.2.3", "00.5", "1,5"] {
            assert_eq!(TokenAmount::parse_decimal(text, decimals(6)), Err(AmountError::Form), "{text}");
        }
        assert!(Decimals::new(78).is_none());
    }
}
