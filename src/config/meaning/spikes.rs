//! Whether spikes fit into their phase.

use super::{super::Shape, Check, Diagnostic, Load, Phase};
use crate::units::{show_count, write_duration};

/// Spikes of one phase; every one is a stage of its own in the plan.
const MOST: u32 = 10_000;

impl Check<'_> {
    pub(super) fn spikes(&self, name: &str, phase: &Phase) {
        let Load::Open(open) = &phase.load else { return };
        let Some(spikes) = &open.spikes else { return };
        let table = ["phases", name, "load", "open", "spikes"];
        // spikes that came with another phase's load are spoken of where that was asked for
        let taken = self.root.at(&["phases", name, "load", "same_as"]).map(|node| &node.place);
        let leaf =
            |key| taken.unwrap_or_else(|| self.place(&["phases", name, "load", "open", "spikes", key]));
        let here = taken.unwrap_or_else(|| self.key(&table));
        let address = table.join(".");

        if spikes.lasting >= spikes.every {
            return self.sink.push(
                Diagnostic::new(format!("`{address}` begin anew before they end"))
                    .label(leaf("lasting"), "not shorter than their period")
                    .label(leaf("every"), "the period")
                    .help("let `lasting` be shorter than `every`"),
            );
        }
        if matches!(&open.shape, Shape::Rates(rates) if rates.len() > 1) {
            return self.sink.push(
                Diagnostic::new(format!("`phases.{name}` has spikes over a ladder of rates"))
                    .label(here, "spikes here")
                    .label(self.place(&["phases", name, "load", "open", "rate"]), "several rates here")
                    .help("keep one rate, or make a phase of each"),
            );
        }
        let Some(length) = phase.length() else {
            return self.sink.push(
                Diagnostic::missing(format!("`phases.{name}` has spikes and no `duration`"))
                    .label(here, "spikes come by the clock")
                    .help(format!(
                        "add `duration = \"{}\"` or more",
                        write_duration(spikes.every.saturating_mul(2))
                    )),
            );
        };
        match spikes.count(length) {
            0 => {
                let ends = if phase.duration == Some(length) {
                    self.place(&["phases", name, "duration"])
                } else {
                    self.key(&["phases", name, "load", "open", "stages"])
                };
                let needed = write_duration(spikes.every.saturating_mul(2));
                self.sink.push(
                    Diagnostic::new(format!("`{address}` never happen within the phase"))
                        .label(leaf("every"), format!("with a period after the first, it takes {needed}"))
                        .label(ends, format!("the phase ends after {}", write_duration(length)))
                        .help(format!("let the phase last {needed} or more, or shorten `every`")),
                );
            }
            1..=MOST => {}
            many => self.sink.push(
                Diagnostic::new(format!("`{address}` are too many: {}", show_count(u64::from(many))))
                    .label(leaf("every"), format!("in a phase of {}", write_duration(length)))
                    .help(format!(
                        "lengthen `every`, so that there are {} or fewer",
                        show_count(u64::from(MOST))
                    )),
            ),
        }
    }
}
