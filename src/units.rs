//! Units: durations, rates, shares and byte sizes, parsed and shown in one place.
//!
//! Inside the program a duration is a [`Duration`] or seconds as `f64`, a rate is per second, a share is
//! `0.0..=1.0` and a size is bytes. Text with a unit exists only at the edges, and goes through here.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Why a text is not a quantity; lower case, fit for a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No number at the start of the text.
    #[error("`{0}` does not start with a number")]
    NoNumber(String),
    /// The unit is not one of those that the quantity has.
    #[error("`{unit}` is not a unit of {quantity}; known: {known}")]
    Unknown {
        /// What was found behind the number.
        unit: String,
        /// What was being parsed.
        quantity: &'static str,
        /// The units that would do.
        known: &'static str,
    },
    /// Negative, infinite or not a number.
    #[error("`{0}` is out of range")]
    Range(String),
}

/// Splits `"250ms"` into `250.0` and `"ms"`. Underscores between digits are allowed as in TOML.
fn split(text: &str) -> Result<(f64, &str), UnitError> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(i, c)| {
            let sign = (*c == '-' || *c == '+') && *i == 0;
            !(c.is_ascii_digit() || *c == '.' || *c == '_' || sign)
        })
        .map_or(text.len(), |(i, _)| i);
    let number: f64 =
        text[..end].replace('_', "").parse().map_err(|_| UnitError::NoNumber(text.to_owned()))?;
    Ok((number, text[end..].trim()))
}

fn not_negative(value: f64, text: &str) -> Result<f64, UnitError> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(UnitError::Range(text.to_owned())) }
}

/// Units of time that [`parse_duration`] knows.
pub const TIME_UNITS: &str = "ns, us, ms, s, m, h, d";

/// Reads `"250ms"`, `"1.5 s"`, `"1m30s"`, `"2h"`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let whole = text.trim();
    let mut rest = whole;
    let mut seconds = 0.0;
    loop {
        let (number, tail) = split(rest)?;
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(end);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "" if rest == whole && after.is_empty() => 1.0,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => {
                return Err(UnitError::Unknown {
                    unit: if unit.is_empty() { after.to_owned() } else { unit.to_owned() },
                    quantity: "time",
                    known: TIME_UNITS,
                });
            }
        };
        seconds += not_negative(number, text)? * factor;
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
    }
    seconds_to_duration(seconds).ok_or_else(|| UnitError::Range(text.to_owned()))
}

/// Seconds as a [`Duration`], rounded to the nanosecond; `None` when negative, not finite or over 1,000 years.
pub fn seconds_to_duration(seconds: f64) -> Option<Duration> {
    const LIMIT: f64 = 3.2e10;
    (seconds.is_finite() && (0.0..LIMIT).contains(&seconds)).then(|| {
        let nanos = (seconds.fract() * 1e9).round() as u64;
        Duration::from_secs(seconds.trunc() as u64) + Duration::from_nanos(nanos)
    })
}

/// Reads a share: `"5%"` or `"5 %"` is 0.05, a bare number is taken as it is. The result is within `0..=1`.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text)?;
    let share = match unit {
        "" => number,
        "%" => number / 100.0,
        _ => {
            return Err(UnitError::Unknown { unit: unit.to_owned(), quantity: "share", known: "%" });
        }
    };
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(UnitError::Range(text.to_owned())) }
}

/// Reads a rate: a bare number is per second; `"8/s"`, `"90/min"`, `"1000/h"`, also with what is counted before the
/// slash, as reports show it: `"30 tok/s"`, `"8 req/s"`.
pub fn parse_rate(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text)?;
    let per = match unit.trim_start_matches("tok").trim_start_matches("req") {
        "" | "/s" => 1.0,
        "/m" | "/min" => 60.0,
        "/h" => 3600.0,
        _ => {
            return Err(UnitError::Unknown {
                unit: unit.to_owned(),
                quantity: "rate",
                known: "/s, /min, /h",
            });
        }
    };
    not_negative(number, text).map(|n| n / per)
}

/// Reads a size in bytes: `"2 GiB"`, `"512 MB"`, a bare number is bytes.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    let factor: f64 = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => {
            return Err(UnitError::Unknown {
                unit: unit.to_owned(),
                quantity: "size",
                known: "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB",
            });
        }
    };
    not_negative(number, text).map(|n| (n * factor).round() as u64)
}

/// Writes a duration so that [`parse_duration`] reads the same one back: `250ms`, `1m30s`, `2h`.
pub fn write_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        for (unit, size) in [("ms", 1_000_000), ("us", 1_000), ("ns", 1)] {
            if nanos.is_multiple_of(size) {
                return format!("{}{unit}", nanos / size);
            }
        }
    }
    let whole = duration.as_secs();
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let below = duration.subsec_nanos();
    if below > 0 {
        let fraction = format!("{below:09}");
        let _ = write!(text, "{seconds}.{}s", fraction.trim_end_matches('0'));
    } else if seconds > 0 || text.is_empty() {
        let _ = write!(text, "{seconds}s");
    }
    text
}

/// Three significant digits without an exponent: `58.3`, `4.80`, `0.012`, `1,234`.
pub fn show_number(value: f64) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞".to_owned() } else { "–".to_owned() };
    }
    let size = value.abs();
    if size >= 1000.0 {
        return group(value.round());
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    let digits = (2 - size.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.digits$}")
}

/// Thousands grouped by commas.
fn group(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}

/// A count with thousands grouped: `1,000,000`.
pub fn show_count(count: u64) -> String {
    group(count as f64)
}

/// A count with its noun, which takes an `s` unless there is one of it: `1 request`, `1,000 requests`.
pub fn show_count_of(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", show_count(count))
}

/// Seconds for people: `830 µs`, `51.2 ms`, `2.45 s`, `3m 20s`; infinity is `∞`.
pub fn show_seconds(seconds: f64) -> String {
    let size = seconds.abs();
    if !size.is_finite() {
        "∞".to_owned()
    } else if size == 0.0 {
        "0 s".to_owned()
    } else if size < 1e-6 {
        format!("{} ns", show_number(seconds * 1e9))
    } else if size < 1e-3 {
        format!("{} µs", show_number(seconds * 1e6))
    } else if size < 1.0 {
        format!("{} ms", show_number(seconds * 1e3))
    } else if size < 100.0 {
        format!("{} s", show_number(seconds))
    } else if size < 3600.0 {
        format!("{}m {:02}s", (seconds / 60.0) as u64, seconds as u64 % 60)
    } else {
        format!("{}h {:02}m", (seconds / 3600.0) as u64, seconds as u64 / 60 % 60)
    }
}

/// A share for people: `4.2 %`.
pub fn show_share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Bytes for people, in binary units: `24.0 GiB`.
pub fn show_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{value:.0} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// What a [`Duration`] is in JSON, for its schema: seconds, not negative.
#[derive(Debug)]
pub enum Seconds {}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// `serde` for a [`Duration`] as seconds; the field's name ends in `_s`.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes seconds as a float.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// Reads seconds; negative and infinite numbers are refused.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::seconds_to_duration(f64::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom("seconds out of range"))
    }

    /// The same for an optional duration.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        /// Writes seconds or `null`.
        pub fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => serializer.serialize_some(&duration.as_secs_f64()),
                None => serializer.serialize_none(),
            }
        }

        /// Reads seconds or `null`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            Option::<f64>::deserialize(deserializer)?
                .map(|seconds| {
                    crate::units::seconds_to_duration(seconds)
                        .ok_or_else(|| D::Error::custom("seconds out of range"))
                })
                .transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("30", 30_000_000_000),
            ("1.5 s", 1_500_000_000),
            ("1m30s", 90_000_000_000),
            ("1m 30s", 90_000_000_000),
            ("2h", 7_200_000_000_000),
            ("5us", 5_000),
            ("5µs", 5_000),
            ("0", 0),
        ] {
            assert_eq!(parse_duration(text).map(|d| d.as_nanos()), Ok(nanos), "{text}");
        }
        for text in ["", "fast", "-1s", "10 parsecs", "1m30", "1e400"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for nanos in [0, 1, 999, 1_000, 250_000_000, 1_500_000_000, 90_000_000_000, 3_600_000_000_001] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&write_duration(duration)), Ok(duration), "{nanos}");
        }
    }

    #[test]
    fn shares_rates_and_sizes() {
        assert_eq!(parse_share("5%"), Ok(0.05));
        assert_eq!(parse_share("0.3"), Ok(0.3));
        assert!(parse_share("120%").is_err());
        assert_eq!(parse_rate("90/min"), Ok(1.5));
        assert_eq!(parse_rate("30 tok/s"), Ok(30.0));
        assert!(parse_rate("-1").is_err());
        assert_eq!(parse_bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(parse_bytes("1_000"), Ok(1000));
        assert!(parse_bytes("2 gigs").is_err());
    }

    #[test]
    fn numbers_are_shown_with_three_digits() {
        for (value, text) in
            [(58.34, "58.3"), (4.8, "4.80"), (0.0123, "0.0123"), (1234.5, "1,235"), (0.0, "0")]
        {
            assert_eq!(show_number(value), text);
        }
        for (seconds, text) in [
            (0.00083, "830 µs"),
            (0.0512, "51.2 ms"),
            (2.451, "2.45 s"),
            (200.0, "3m 20s"),
            (f64::INFINITY, "∞"),
        ] {
            assert_eq!(show_seconds(seconds), text);
        }
        assert_eq!(show_count_of(1, "request"), "1 request");
        assert_eq!(show_count_of(1000, "request"), "1,000 requests");
        assert_eq!(show_bytes(24 << 30), "24.0 GiB");
        assert_eq!(show_share(0.042), "4.2 %");
    }
}
