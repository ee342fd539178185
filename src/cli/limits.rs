//! What the system allows, checked before anything is sent.

use anyhow::bail;

use crate::plan::{LoadStep, Pattern, Plan, Step, graph::most_at_once};

/// Descriptors that the program needs besides sockets under load: files of the run, the runtime, children.
const OWN_DESCRIPTORS: u64 = 64;

/// Where Linux says which ports connections may start from.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Looks whether there are local ports for the connections that the plan may hold, and raises the soft limit on open
/// files to what it may need.
///
/// # Errors
/// Where there are too few of either, with the numbers and the command that mends it.
pub(super) fn check(plan: &Plan) -> anyhow::Result<()> {
    let connections = most_in_flight(plan);
    // other systems do not say, and then the connections themselves will
    if let Some(ports) = std::fs::read_to_string(PORT_RANGE).ok().as_deref().and_then(ports_in) {
        check_ports(connections, ports)?;
    }
    let needed = connections + OWN_DESCRIPTORS;
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

/// Of so many connections those that this process may hold; raises the soft limit on open files for them.
pub(super) fn connections(wanted: u32) -> u32 {
    let ports = std::fs::read_to_string(PORT_RANGE).ok().as_deref().and_then(ports_in);
    let wanted = u64::from(wanted).min(ports.unwrap_or(u64::MAX));
    let Some((soft, hard)) = descriptors() else { return wanted as u32 };
    let needed = (wanted + OWN_DESCRIPTORS).min(hard);
    let allowed = if soft >= needed || raise(needed, hard).is_ok() { needed } else { soft };
    wanted.min(allowed.saturating_sub(OWN_DESCRIPTORS)) as u32
}

/// How many ports a range such as `32768 60999` has.
fn ports_in(range: &str) -> Option<u64> {
    let mut bounds = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    (last >= first).then(|| last - first + 1)
}

/// All connections may lead to one server, and then each needs a port of its own.
fn check_ports(connections: u64, ports: u64) -> anyhow::Result<()> {
    if connections > ports {
        bail!(
            "the plan may hold {connections} connections, but this system starts them from {ports} ports\n  help: \
             `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` as root before the run, or lower the users, \
             `concurrency_limit` or `run.max_in_flight`"
        );
    }
    Ok(())
}

/// The most requests that steps of the plan which can run at once can have in flight. What the plan itself bounds, users
/// and limits on concurrency, comes on top of the safety cap that everything else shares.
fn most_in_flight(plan: &Plan) -> u64 {
    let cap = u64::from(plan.limits.max_in_flight);
    let bounded = |load: &LoadStep| match &load.pattern {
        Pattern::Closed { users, .. } => Some(u64::from(*users)),
        Pattern::Open { concurrency_limit, .. } | Pattern::Trace { concurrency_limit, .. } => {
            concurrency_limit.map(u64::from).filter(|limit| *limit <= cap)
        }
    };
    // without a limit of the plan, a slow server decides: the safety cap or all its requests, which are known from the
    // schedule unless another step ends it
    let shared = |step: &Step, load: &LoadStep| {
        let all = step.expected.requests.filter(|_| load.until.is_none());
        all.map_or(cap, |requests| (requests.ceil() as u64).min(cap))
    };
    let on_top = most_at_once(plan, |step| step.load().and_then(bounded).unwrap_or(0));
    let under_the_cap = most_at_once(plan, |step| {
        step.load().filter(|load| bounded(load).is_none()).map_or(0, |load| shared(step, load))
    });
    let at_once = most_at_once(plan, |step| {
        step.load().map_or(0, |load| bounded(load).unwrap_or_else(|| shared(step, load)))
    });
    at_once.min(on_top + under_the_cap.min(cap))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_needs_a_port_for_every_connection() {
        for (range, ports) in [("32768\t60999\n", Some(28_232)), ("9 1", None), ("", None), ("a b", None)] {
            assert_eq!(ports_in(range), ports, "{range}");
        }
        assert!(check_ports(28_232, 28_232).is_ok());
        let error = check_ports(28_233, 28_232).expect_err("one too few").to_string();
        for part in ["28233", "28232", "ip_local_port_range", "run.max_in_flight"] {
            assert!(error.contains(part), "`{part}` in {error}");
        }
    }
}
