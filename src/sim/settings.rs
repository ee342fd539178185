//! Settings of a simulated server as JSON, the form in which they reach its process.

use std::ops::RangeInclusive;

use crate::config::{KV_CACHE_BLOCK_TOKENS, Sim};

/// Why a text is not the settings of a simulated server.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not JSON, or not of the right shape.
    #[error("the settings of the simulated server are not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A number that no server can have.
    #[error("`{name}` of a simulated server must be {wanted}, but is {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would do.
        wanted: &'static str,
    },
}

/// Reads and checks the settings of a simulated server.
pub fn parse_settings(json: &str) -> Result<Sim, SettingsError> {
    let sim: Sim = serde_json::from_str(json)?;
    check(&sim)?;
    Ok(sim)
}

/// Whether every number is one that a server can have; the first that is not is the error.
fn check(sim: &Sim) -> Result<(), SettingsError> {
    const NOT_NEGATIVE: RangeInclusive<f64> = 0.0..=f64::MAX;
    const SHARE: RangeInclusive<f64> = 0.0..=1.0;
    let faults = &sim.faults;
    let sum = faults.error_rate + faults.mid_stream_error_rate + faults.cut_rate + faults.stall_rate;
    let kv_cache_tokens = sim.kv_cache_tokens.map_or(f64::MAX, f64::from);
    let checks = [
        ("prefill_tokens_per_second", sim.prefill_tokens_per_second, f64::MIN_POSITIVE..=f64::MAX, "above 0"),
        ("step_base_s", sim.step_base_s, NOT_NEGATIVE, "0 or more"),
        ("step_per_sequence_s", sim.step_per_sequence_s, NOT_NEGATIVE, "0 or more"),
        ("max_batch", f64::from(sim.max_batch), 1.0..=f64::MAX, "at least 1"),
        ("kv_cache_tokens", kv_cache_tokens, f64::from(KV_CACHE_BLOCK_TOKENS)..=f64::MAX, "at least 16"),
        ("jitter", sim.jitter, NOT_NEGATIVE, "0 or more"),
        ("overhead_s", sim.overhead_s, NOT_NEGATIVE, "0 or more"),
        ("faults.error_rate", faults.error_rate, SHARE, "within 0 and 1"),
        ("faults.mid_stream_error_rate", faults.mid_stream_error_rate, SHARE, "within 0 and 1"),
        ("faults.cut_rate", faults.cut_rate, SHARE, "within 0 and 1"),
        ("faults.stall_rate", faults.stall_rate, SHARE, "within 0 and 1"),
        // shares written as decimals may sum to a hair over 1
        ("faults", sum, 0.0..=1.0 + 1e-9, "at most 1 in sum"),
    ];
    for (name, value, range, wanted) in checks {
        if !range.contains(&value) {
            return Err(SettingsError::Range { name, value, wanted });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(change: &str, value: f64) -> String {
        let mut settings = serde_json::json!({
            "prefill_tokens_per_second": 8000.0, "step_base_s": 0.01, "step_per_sequence_s": 0.0005,
            "max_batch": 8, "jitter": 0.05, "overhead_s": 0.001, "faults": {},
        });
        match change.strip_prefix("faults.") {
            Some(fault) => settings["faults"][fault] = value.into(),
            None if !change.is_empty() => settings[change] = value.into(),
            None => {}
        }
        settings.to_string()
    }

    #[test]
    fn settings_survive_the_way_through_json() {
        let sim = parse_settings(&json("faults.cut_rate", 0.25)).expect("good settings");
        assert_eq!((sim.max_batch, sim.faults.cut_rate), (8, 0.25));
        let text = serde_json::to_string(&sim).expect("settings are JSON");
        assert_eq!(parse_settings(&text).expect("what was written"), sim);
    }

    #[test]
    fn what_no_server_can_have_is_refused() {
        let message = |change, value| parse_settings(&json(change, value)).expect_err(change).to_string();
        insta::assert_snapshot!(message("prefill_tokens_per_second", 0.0), @"`prefill_tokens_per_second` of a simulated server must be above 0, but is 0");
        insta::assert_snapshot!(message("step_base_s", -1.0), @"`step_base_s` of a simulated server must be 0 or more, but is -1");
        insta::assert_snapshot!(message("faults.stall_rate", 1.5), @"`faults.stall_rate` of a simulated server must be within 0 and 1, but is 1.5");
        insta::assert_snapshot!(message("speed", 1.0), @"the settings of the simulated server are not readable: unknown field `speed`, expected one of `prefill_tokens_per_second`, `step_base_s`, `step_per_sequence_s`, `max_batch`, `kv_cache_tokens`, `jitter`, `overhead_s`, `faults` at line 1 column 150");
        let text = json("", 0.0).replace(r#""max_batch":8"#, r#""max_batch":8,"kv_cache_tokens":15"#);
        insta::assert_snapshot!(parse_settings(&text).expect_err("less than a block"), @"`kv_cache_tokens` of a simulated server must be at least 16, but is 15");
        let sum = r#""faults":{"error_rate":0.6,"cut_rate":0.6}"#;
        let text = json("", 0.0).replace(r#""faults":{}"#, sum);
        insta::assert_snapshot!(parse_settings(&text).expect_err("a sum over 1"), @"`faults` of a simulated server must be at most 1 in sum, but is 1.2");
    }
}
