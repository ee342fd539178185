//! The patterns of quantities take whatever their parsers take.

use proptest::prelude::*;
use serde_json::json;

use super::{
    super::values::{Bytes, Rate, Share},
    *,
};
use crate::units;

fn of<T: JsonSchema>() -> Validator {
    validator(&schema::read::<T>())
}

proptest! {
    /// A schema that refuses what the program takes would mark good files as wrong. `-` is left out: a minus before a
    /// zero is taken by accident.
    #[test]
    fn what_a_parser_takes_its_pattern_takes(text in "[0-9._+ ]{0,4}(ns|us|µs|ms|s|sec|m|min|h|d|%|/s|/min|tok/s|B|kB|GB|MiB)?[0-9._ smh]{0,4}") {
        let value = json!(text);
        prop_assert!(units::parse_duration(&text).is_err() || of::<Duration>().is_valid(&value));
        prop_assert!(units::parse_share(&text).is_err() || of::<Share>().is_valid(&value));
        prop_assert!(units::parse_rate(&text).is_err() || of::<Rate>().is_valid(&value));
        prop_assert!(units::parse_bytes(&text).is_err() || of::<Bytes>().is_valid(&value));
        if let Ok(duration) = units::parse_duration(&text) {
            prop_assert!(duration.is_zero() || of::<PositiveDuration>().is_valid(&value));
        }
    }
}

#[test]
fn patterns_are_no_wider_than_their_parsers_where_it_matters() {
    let (duration, share, rate) = (of::<Duration>(), of::<Share>(), of::<Rate>());
    for text in ["", "s", "5 parsecs", "1m30", "5 5", "-1s", "1.2.3s", "1s,5ms", "${}", "${1}"] {
        assert!(units::parse_duration(text).is_err() && !duration.is_valid(&json!(text)), "{text}");
    }
    for text in ["", "%", "5 per cent", "-5%", "5%%"] {
        assert!(units::parse_share(text).is_err() && !share.is_valid(&json!(text)), "{text}");
    }
    for text in ["", "GiB", "5 gigs", "5kiB", "-1MB"] {
        assert!(units::parse_bytes(text).is_err() && !of::<Bytes>().is_valid(&json!(text)), "{text}");
    }
    for text in ["", "/s", "5/day", "5 s", "-1/s"] {
        assert!(units::parse_rate(text).is_err() && !rate.is_valid(&json!(text)), "{text}");
    }
}
