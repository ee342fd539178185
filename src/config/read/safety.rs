//! `run.allow_hosts` and `[run.ceiling]`: how far a run may go.

use super::{
    super::{
        Ceiling, Layer,
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, wrong},
};
use crate::{
    hosts,
    units::{show_count, show_number, write_duration},
};

/// Reads a list of hosts, which may be empty; each is kept once.
pub(super) fn hosts(node: &Node) -> Read<Vec<String>> {
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        return Ok(Vec::new());
    }
    let mut hosts: Vec<String> = Vec::new();
    for host in leaf::list(node, host)? {
        if !hosts::is_named(&host, &hosts) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}

/// Reads the name or address of a host alone.
fn host(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let text = text.trim();
    if let Some(host) = text.contains("://").then(|| hosts::of_url(text)).flatten() {
        return wrong(node, "names hosts, not urls", "a url", format!("write `\"{host}\"`"));
    }
    let address = text.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
    let name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || !(address || text.chars().all(name)) {
        return wrong(
            node,
            "names hosts, each a name or an address",
            "not a host",
            "write a host as urls have it, without a port or path, such as `\"api.example.com\"`",
        );
    }
    Ok(text.to_owned())
}

/// Reads a ceiling. Flags may lift it; every other layer can only lower it.
pub(super) fn ceiling(mut fields: Fields<'_>) -> Option<Ceiling> {
    let most = Ceiling::default();
    let requests = fields.get("requests", |node| {
        let requests = leaf::count(1)(node)?;
        lowers(node, requests <= most.requests, &show_count(most.requests), &format!("requests={requests}"))?;
        Ok(requests)
    });
    let rate = fields.get("rate", |node| {
        let rate = leaf::positive_rate(node)?;
        lowers(node, rate <= most.rate, &format!("{}/s", show_number(most.rate)), &format!("rate={rate}/s"))?;
        Ok(rate)
    });
    let duration = fields.get("duration", |node| {
        let duration = leaf::positive_duration(node)?;
        let flag = format!("duration={}", write_duration(duration));
        lowers(node, duration <= most.duration, &write_duration(most.duration), &flag)?;
        Ok(duration)
    });
    fields.finish();
    Some(Ceiling { requests: requests?, rate: rate?, duration: duration? })
}

/// Whether a value may stand where it does: below the built-in ceiling anywhere, above it in a flag only.
fn lowers(node: &Node, within: bool, most: &str, flag: &str) -> Read<()> {
    if within || node.place.source.layer == Layer::Set {
        return Ok(());
    }
    wrong(
        node,
        format!("can only lower the ceiling, which is {most}"),
        "above the ceiling",
        format!("lower it or leave it out; `--ceiling {flag}` lifts the ceiling for one run"),
    )
}
