//! Moments as traces write them, in nanoseconds.

use time::{Date, Month};

const NS: i64 = 1_000_000_000;

/// Milliseconds, perhaps with a fraction; `None` of what is no moment.
pub(super) fn of_milliseconds(ms: f64) -> Option<i64> {
    // whole ones stay exact, also those since 1970
    let whole = ms.fract() == 0.0 && ms.abs() < 9e12;
    if whole { Some(ms as i64 * 1_000_000) } else { (ms.abs() < 9e12).then(|| (ms * 1e6).round() as i64) }
}

/// Seconds in decimal digits: `19440110.0`.
pub(super) fn of_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds = if whole.is_empty() { 0 } else { digits(whole)? };
    seconds.checked_mul(NS)?.checked_add(fraction_ns(fraction)?)
}

/// A date with its time, since 1970: `2023-11-16 18:17:03.9799600`, with a `T` between them and a zone such as `+00:00` behind
/// them where that is written. Without a zone it is UTC; only differences matter.
pub(super) fn of_date(text: &str) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let [year, month, day] = parts(date, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let time = time.strip_prefix([' ', 'T'])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [hour, minute, second] = parts(clock, ':', [2, 2, 2])?;
    // a leap second is the first of the next minute
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let days = i64::from(date.to_julian_day() - Date::from_ordinal_date(1970, 1).ok()?.to_julian_day());
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - zone_seconds(zone)?;
    seconds.checked_mul(NS)?.checked_add(fraction_ns(fraction)?)
}

/// Seconds that a zone is ahead of UTC: of none, of `Z`, of `+02:00`, `+0200` or `+02`.
fn zone_seconds(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') => return (zone.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = zone[1..].split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes).filter(|_| minutes.len() == 2)? };
    Some(sign * (digits(hours)? * 3600 + minutes * 60))
}

/// Three numbers of so many digits each.
fn parts(text: &str, between: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        *number = digits(parts.next().filter(|part| part.len() == length)?)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Digits behind a point; what is beyond nanoseconds is dropped.
fn fraction_ns(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(nine.fold(0, |ns, digit| ns * 10 + i64::from(digit - b'0')))
}

fn digits(text: &str) -> Option<i64> {
    // a number of Rust may have a sign
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        const NOON: i64 = 1_700_136_000 * NS;
        for (text, expected) in [
            ("2023-11-16 12:00:00", Some(NOON)),
            ("2023-11-16 12:00:00.9799600", Some(NOON + 979_960_000)),
            ("2023-11-16 12:00:00.9799600001", Some(NOON + 979_960_000)),
            ("2023-11-16T12:00:00.5Z", Some(NOON + 500_000_000)),
            ("2023-11-16 12:00:00.009930+00:00", Some(NOON + 9_930_000)),
            ("2023-11-16 14:00:00+02:00", Some(NOON)),
            ("2023-11-16 14:00:00+0200", Some(NOON)),
            ("2023-11-16 08:30:00-03:30", Some(NOON)),
            ("2023-11-16 10:00:00-02", Some(NOON)),
            ("1970-01-01 00:00:00", Some(0)),
            ("2024-02-29 00:00:00", Some(1_709_164_800 * NS)),
            ("2023-02-29 00:00:00", None),
            ("2023-11-16", None),
            ("2023-11-16 24:00:00", None),
            ("2023-11-16 12:60:00", None),
            ("16/11/2023 12:00:00", None),
            ("2023-11-16 12:00:00.5 UTC", None),
            ("2023-11-16 12:00:00x", None),
            ("2023-11-16 1é:00:00", None),
            ("+023-11-16 12:00:00", None),
            ("", None),
        ] {
            assert_eq!(of_date(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("5", Some(5 * NS)),
            ("0.123", Some(123_000_000)),
            (".5", Some(NS / 2)),
            ("19440110.0", Some(19_440_110 * NS)),
            ("28943983.000000001", Some(28_943_983 * NS + 1)),
            ("-5", None),
            ("1e3", None),
            ("5s", None),
            ("99999999999", None),
        ] {
            assert_eq!(of_seconds(text), expected, "{text}");
        }
        for (ms, expected) in [
            (0.0, Some(0)),
            (27_482.0, Some(27_482_000_000)),
            (0.5, Some(500_000)),
            (1_700_136_000_001.0, Some(1_700_136_000_001_000_000)),
            (1e300, None),
            (f64::NAN, None),
        ] {
            assert_eq!(of_milliseconds(ms), expected, "{ms}");
        }
    }
}
