//! What only a person at the command line may allow: public hosts, and loads beyond the ceiling.

use super::{Overrides, probe::at_url};
use crate::{
    config::{Ceiling, Layer, Problems},
    plan::Plan,
};

/// Flags that let a run go further than it may by itself.
#[derive(Debug, Default, Clone, clap::Args)]
pub(super) struct Permissions {
    /// Let load go to this public host; may be repeated
    #[arg(long = "allow-host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Lift or lower a ceiling of the run, such as `requests=5000000`, `rate=2000/s` or `duration=48h`; may be repeated
    #[arg(long = "ceiling", value_name = "KEY=VALUE", value_parser = ceiling)]
    ceilings: Vec<String>,
}

/// The keys of `[run.ceiling]`.
const KEYS: [&str; 3] = ["requests", "rate", "duration"];

fn ceiling(text: &str) -> Result<String, String> {
    let known = text.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key.trim()));
    if known { Ok(text.to_owned()) } else { Err(format!("write KEY=VALUE with one of {}", KEYS.join(", "))) }
}

impl Permissions {
    /// That load may go to these hosts, and nothing else.
    pub(super) fn to_load(hosts: &[String]) -> Self {
        Self { hosts: hosts.to_vec(), ceilings: Vec::new() }
    }

    /// The public hosts.
    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The ceilings as they were written.
    pub(super) fn ceilings(&self) -> &[String] {
        &self.ceilings
    }

    /// The flags as values of a scenario: they are its highest layer.
    pub(super) fn sets(&self) -> Vec<String> {
        let hosts = self
            .hosts
            .iter()
            .map(|host| format!("run.allow_hosts=[{}]", serde_json::Value::from(host.as_str())));
        hosts.chain(self.ceilings.iter().map(|ceiling| format!("run.ceiling.{ceiling}"))).collect()
    }

    /// Puts these permissions into a plan that was run before. Those that flags gave then were for that run alone.
    ///
    /// # Errors
    ///
    /// What is wrong with the flags.
    pub(super) fn renew(&self, plan: &mut Plan) -> Result<(), Problems> {
        let overrides = Overrides { permissions: self.clone(), ..Overrides::default() };
        // any plan under the same flags has what they say
        let granted = at_url("sim:cpu_only", None, &overrides)?.limits;
        let flagged =
            |path: &str| plan.origins.iter().any(|origin| origin.path == path && origin.layer == Layer::Set);
        if flagged("run.allow_hosts") {
            plan.limits.allow_hosts.clear();
        }
        let most = Ceiling::default();
        let ceiling = &mut plan.limits.ceiling;
        ceiling.requests = ceiling.requests.min(most.requests);
        ceiling.rate = ceiling.rate.min(most.rate);
        ceiling.duration = ceiling.duration.min(most.duration);
        for given in &self.ceilings {
            match given.split('=').next().unwrap_or_default().trim() {
                "requests" => ceiling.requests = granted.ceiling.requests,
                "rate" => ceiling.rate = granted.ceiling.rate,
                _ => ceiling.duration = granted.ceiling.duration,
            }
        }
        plan.limits.allow_hosts.extend(granted.allow_hosts);
        Ok(())
    }
}
