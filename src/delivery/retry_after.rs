//! `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of HTTP's three forms. Total: garbage is `None`.

use crate::domain::Timestamp;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds the receiver asks us to wait, at least 1. `None` for garbage, and for what asks for nothing: zero, the past.
/// More than 64 bits of seconds are [`u64::MAX`].
pub fn parse(text: &str, now: Timestamp) -> Option<u64> {
    let text = text.trim_matches([' ', '\t']);
    let seconds = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().unwrap_or(u64::MAX)
    } else {
        date(text)?.saturating_sub(now.0)
    };
    (seconds > 0).then_some(seconds)
}

/// Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
/// The weekday is not compared with the date.
fn date(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    let (weekday, day, month, year, time) = match words[..] {
        [weekday, day, month, year, time, "GMT"] => (weekday, day, month, year, time),
        [weekday, month, day, time, year] => (weekday, day, month, year, time),
        _ => return None,
    };
    if weekday.len() < 3 || !weekday.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))?;
    let days = days_from_1970(full_year(year)?, u64::try_from(month).ok()? + 1, number(day, 2)?)?;
    let mut parts = time.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    // 60 is a leap second.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// At most `digits` decimal digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// Four digits, or two of RFC 850's, which mean 1970 to 2069.
fn full_year(text: &str) -> Option<u64> {
    let year = number(text, 4)?;
    match text.len() {
        2 if year < 70 => Some(2000 + year),
        2 => Some(1900 + year),
        4 if year >= 1970 => Some(year),
        _ => None,
    }
}

/// Days from 1970-01-01 to a Gregorian date; `None` if there is no such day. `month` is 1 to 12, `year` 1970 or later.
fn days_from_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    if day == 0 || day > *lengths.get(before)? {
        return None;
    }
    let leaps_before = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let years = (year - 1970) * 365 + leaps_before(year) - leaps_before(1970);
    Some(years + lengths[..before].iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:37Z, the example of RFC 9110.
    const EXAMPLE: u64 = 784_111_777;

    #[test]
    fn three_forms_of_a_date_are_one_instant() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "\tSun, 06 Nov 1994 08:49:37 GMT ",
        ] {
            assert_eq!(date(text.trim()), Some(EXAMPLE), "{text}");
            assert_eq!(parse(text, Timestamp(EXAMPLE - 90)), Some(90), "{text}");
            assert_eq!(parse(text, Timestamp(EXAMPLE)), None, "now asks for nothing: {text}");
            assert_eq!(parse(text, Timestamp(EXAMPLE + 1)), None, "the past asks for nothing: {text}");
        }
    }

    #[test]
    fn dates_agree_with_our_own_printing() {
        for day in (0..60_000_u64).step_by(7) {
            let seconds = day * 86_400 + 3661;
            let rfc3339 = Timestamp(seconds).to_string();
            let (ymd, hms) = rfc3339.trim_end_matches('Z').split_once('T').unwrap();
            let [year, month, dom] = ymd.split('-').collect::<Vec<_>>()[..] else { panic!("{ymd}") };
            let name = MONTHS[month.parse::<usize>().unwrap() - 1];
            assert_eq!(date(&format!("Mon, {dom} {name} {year} {hms} GMT")), Some(seconds), "{rfc3339}");
        }
    }

    #[test]
    fn anything_else_is_nothing_or_a_number() {
        let now = Timestamp(EXAMPLE);
        for (text, seconds) in [
            ("1", Some(1)),
            (" 120 ", Some(120)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("0", None),
            ("", None),
            (" ", None),
            ("-1", None),
            ("-120", None),
            ("+5", None),
            ("1.5", None),
            ("5s", None),
            ("0x10", None),
            ("１２", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 2099 08:49:37 GMT", None),
            ("Sun, 29 Feb 2100 08:49:37 GMT", None),
            ("Sun, 00 Nov 2099 08:49:37 GMT", None),
            ("Sun, 06 Nov 2099 24:00:00 GMT", None),
            ("Sun, 06 Nov 2099 08:49:37:11 GMT", None),
            ("Sun, 06 Nov 2099 08:49 GMT", None),
            ("Sun, 06 Nov 99999 08:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("06 Nov 2099 08:49:37 GMT", None),
            ("🕐", None),
            ("\0\u{1}", None),
        ] {
            assert_eq!(parse(text, now), seconds, "{text:?}");
        }
        assert!(parse("Fri, 31 Dec 9999 23:59:60 GMT", now).is_some_and(|seconds| seconds > 250_000_000_000));
    }
}
