//! What only a person at the command line may allow: public hosts, and loads beyond the ceiling.

use super::{Overrides, probe::at_url};
use crate::{
    config::{Ceiling, Permitted, Problems},
    hosts,
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
        let limits = &mut plan.limits;
        let own = limits.without_flags.take();
        let own = own.unwrap_or_else(|| Permitted {
            allow_hosts: limits.allow_hosts.clone(),
            ceiling: limits.ceiling,
        });
        // whatever a file says, beyond the ceiling of the program only a flag goes
        let own = Permitted { ceiling: own.ceiling.min(limits.ceiling).min(Ceiling::default()), ..own };
        (limits.allow_hosts, limits.ceiling) = (own.allow_hosts.clone(), own.ceiling);
        for host in granted.allow_hosts {
            if !hosts::is_named(&host, &limits.allow_hosts) {
                limits.allow_hosts.push(host);
            }
        }
        for given in &self.ceilings {
            match given.split('=').next().unwrap_or_default().trim() {
                "requests" => limits.ceiling.requests = granted.ceiling.requests,
                "rate" => limits.ceiling.rate = granted.ceiling.rate,
                _ => limits.ceiling.duration = granted.ceiling.duration,
            }
        }
        let flagged = !self.hosts.is_empty() || !self.ceilings.is_empty();
        limits.without_flags = flagged.then_some(own);
        Ok(())
    }
}
