//! `[monitoring]`.

use std::time::Duration;

use super::{
    super::{Monitoring, tree::Node},
    fields::Fields,
    leaf::{self, Read, wrong},
};
use crate::units::write_duration;

pub(super) fn monitoring(mut fields: Fields<'_>) -> Option<Monitoring> {
    let enabled = fields.get("enabled", leaf::boolean);
    let interval = fields.get("interval", interval);
    let energy_interval = fields.get("energy_interval", interval_of_energy);
    fields.finish();
    Some(Monitoring { enabled: enabled?, interval: interval?, energy_interval: energy_interval? })
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
