//! `[monitoring]`.

use std::time::Duration;

use super::{
    super::{Monitoring, PowerEstimate, tree::Node},
    fields::Fields,
    leaf::{self, Read, wrong},
};
use crate::units::write_duration;

pub(super) fn monitoring(mut fields: Fields<'_>) -> Option<Monitoring> {
    let enabled = fields.get("enabled", leaf::boolean);
    let interval = fields.get("interval", interval);
    let energy_interval = fields.get("energy_interval", interval_of_energy);
    let subtract_idle = fields.get("subtract_idle", leaf::boolean);
    let estimate = match fields.table_at("estimate") {
        Some(fields) => estimate(fields).map(Some),
        None => fields.node("estimate").is_none().then_some(None),
    };
    fields.finish();
    Some(Monitoring {
        enabled: enabled?,
        interval: interval?,
        energy_interval: energy_interval?,
        subtract_idle: subtract_idle?,
        estimate: estimate?,
    })
}

/// Reads `monitoring.estimate`: both of its numbers, of which the first is not the larger one.
fn estimate(mut fields: Fields<'_>) -> Option<PowerEstimate> {
    let idle_watts = fields.require("idle_watts", "idle_watts = 15", leaf::not_negative);
    let busy_watts =
        fields.require("busy_watts", "busy_watts = 90", |node| not_below(node, idle_watts.unwrap_or(0.0)));
    fields.finish();
    Some(PowerEstimate { idle_watts: idle_watts?, busy_watts: busy_watts? })
}

fn not_below(node: &Node, idle_watts: f64) -> Read<f64> {
    let busy_watts = leaf::positive(node)?;
    if busy_watts >= idle_watts {
        return Ok(busy_watts);
    }
    let what = format!("must not be below `idle_watts`, which is {idle_watts}, found {busy_watts}");
    wrong(node, what, "less than at rest", "write what the machine draws with all processors busy")
}

fn interval(node: &Node) -> Read<Duration> {
    within(node, "`enabled = false` reads nothing at all")
}

fn interval_of_energy(node: &Node) -> Read<Duration> {
    within(node, "counters of energy miss nothing between two readings")
}

fn within(node: &Node, more: &str) -> Read<Duration> {
    let given = leaf::duration(node)?;
    let (least, most) = (Monitoring::SHORTEST, Monitoring::LONGEST);
    if (least..=most).contains(&given) {
        return Ok(given);
    }
    let (label, limits) = (
        if given < least { "too often" } else { "too rarely" },
        format!("from {} to {}", write_duration(least), write_duration(most)),
    );
    let what = format!("must be {limits}, found {}", write_duration(given));
    wrong(node, what, label, format!("write a time {limits}; {more}"))
}
