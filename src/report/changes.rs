//! Changes between two sides in words.

use super::words;
use crate::{
    compare::{Call, Comparison, Row},
    units,
};

/// What is to be said where a server was simulated.
pub(super) fn simulated(of: &Comparison) -> Option<String> {
    let who = match (of.before.simulated, of.after.simulated) {
        (true, true) => "servers of both sides were simulated".to_owned(),
        (true, false) => format!("servers of {} were simulated", of.before.name),
        (false, true) => format!("servers of {} were simulated", of.after.name),
        (false, false) => return None,
    };
    Some(format!("{who}: their numbers describe no hardware"))
}

/// What stands before a call, for those who see no colour.
pub(super) fn sign(call: Call) -> &'static str {
    match call {
        Call::Regressed => "✗",
        Call::Inconclusive => "?",
        Call::Improved => "✓",
        Call::Equivalent => "=",
    }
}

/// A call in one word.
pub(super) fn word(call: Call) -> &'static str {
    match call {
        Call::Regressed => "REGRESSED",
        Call::Inconclusive => "INCONCLUSIVE",
        Call::Improved => "IMPROVED",
        Call::Equivalent => "EQUIVALENT",
    }
}

/// The interval of a row's change; `None` where it has none.
pub(super) fn interval(row: &Row) -> Option<String> {
    let (low, high) = row.change_low.zip(row.change_high)?;
    Some(format!("{} – {}", change(low), change(high)))
}

/// A ratio as a change: `+12.3 %`, `−4.0 %`, `×27.0` where that reads better.
pub(super) fn change(ratio: f64) -> String {
    if ratio.is_nan() {
        words::MISSING.to_owned()
    } else if ratio.is_infinite() {
        "×∞".to_owned()
    } else if ratio >= 10.0 {
        format!("×{}", units::show_number(ratio))
    } else {
        let percent = (ratio - 1.0) * 100.0;
        let sign = if percent < -0.05 { "−" } else { "+" };
        format!("{sign}{:.1} %", percent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_as_percent_or_as_a_factor() {
        for (ratio, text) in [
            (1.0, "+0.0 %"),
            (1.123, "+12.3 %"),
            (0.96, "−4.0 %"),
            (0.9999, "+0.0 %"),
            (0.0, "−100.0 %"),
            (27.0, "×27.0"),
            (f64::INFINITY, "×∞"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(change(ratio), text, "{ratio}");
        }
    }
}
