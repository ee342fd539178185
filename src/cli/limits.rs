//! What the system allows, checked before anything is sent.

use anyhow::bail;

use crate::plan::{Pattern, Plan, Work};

/// Descriptors that the program needs besides sockets under load: files of the run, the runtime, children.
const OWN_DESCRIPTORS: u64 = 64;

/// Raises the soft limit on open files to what the plan may need.
///
/// # Errors
/// Where the hard limit is lower than that, with the numbers and the command that mends it.
pub(super) fn check(plan: &Plan) -> anyhow::Result<()> {
    let needed = most_in_flight(plan) + OWN_DESCRIPTORS;
    let Some((soft, hard)) = descriptors() else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        bail!(
            "the plan may hold {} connections, but this process may open {hard} files\n  help: `ulimit -Hn {needed}` \
             as root before the run, or lower the users, `concurrency_limit` or `run.max_in_flight`",
            needed - OWN_DESCRIPTORS
        );
    }
    raise(needed.max(soft), hard)
}

/// The most requests that any step of the plan can have in flight.
fn most_in_flight(plan: &Plan) -> u64 {
    let cap = u64::from(plan.limits.max_in_flight);
    plan.steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Ready { .. } | Work::Pause { .. } => None,
            Work::Load(load) => Some(match &load.pattern {
                Pattern::Closed { users, .. } => u64::from(*users),
                Pattern::Open { concurrency_limit, .. } => {
                    // without a limit of the plan, a slow server decides: the safety cap or all its requests, which
                    // are known from the schedule
                    let all = step.expected.requests.map_or(u64::MAX, |requests| requests.ceil() as u64);
                    concurrency_limit.map_or(cap, u64::from).min(cap).min(all)
                }
            }),
        })
        .max()
        .unwrap_or(0)
}

#[cfg(unix)]
fn descriptors() -> Option<(u64, u64)> {
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok()
}

#[cfg(unix)]
fn raise(soft: u64, hard: u64) -> anyhow::Result<()> {
    use anyhow::Context as _;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, soft, hard)
        .with_context(|| format!("cannot raise the limit of open files to {soft}"))
}

#[cfg(not(unix))]
fn descriptors() -> Option<(u64, u64)> {
    None
}

#[cfg(not(unix))]
fn raise(_soft: u64, _hard: u64) -> anyhow::Result<()> {
    Ok(())
}
