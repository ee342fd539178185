//! Targets on energy.

use super::Row;
use crate::{
    catalog::MetricName,
    config::Bound,
    metrics::{EnergyUse, Observed, Scope},
    units::show_number,
    verdict::Mark,
};

impl Row {
    /// What was used in the window is a fact of this window, by one class of reading. What was not read, or is not this phase's alone,
    /// decides nothing (check 7).
    pub(super) fn judge_energy(&mut self, scope: Option<&Scope>, all: &Observed) {
        let MetricName { metric, .. } = self.judged.metric;
        let Some(scope) = scope else { return self.note_unread(all) };
        let used = &scope.energy;
        let Some((energy, joules)) = used.judged() else {
            return self.note_no_energy(used, all);
        };
        if joules <= 0.0 {
            return self.note("it used no more than at rest, so nothing is left to be judged");
        }
        match scope.value(metric, None) {
            Some(value) => {
                let readings = scope.observations.iter().filter(|read| read.class == energy.class);
                let of_energy =
                    readings.filter(|read| energy.parts.iter().any(|(part, _)| *part == read.subject));
                self.judged.samples = of_energy.map(|read| read.readings).max().unwrap_or(0);
                self.judged.value = Some(value);
                self.judge_fact(value);
                // what was lost can only add to it
                let sure = self.judged.mark == Mark::Fail && matches!(self.judged.bound, Bound::AtMost(_));
                if used.incomplete && !sure {
                    self.judged.mark = Mark::Inconclusive;
                    for (subject, why) in &used.left_out {
                        self.note(format!("{subject}: {why}"));
                    }
                }
            }
            None if used.shared => {
                self.note("other phases ran beside it, so nothing tells what of the energy is its own");
                return;
            }
            // a server that answered nothing spent all of it in vain
            None if scope.counts.due > 0 && scope.counts.ok() == 0 => {
                self.judged.samples = scope.counts.due;
                self.judged.mark = Mark::Fail;
                self.note("every request failed");
            }
            None => {
                self.note("nothing was completed in the window that it could be divided by");
                return;
            }
        }
        self.note(format!("{} of {}", energy.class.name(), energy.contents()));
        if let Some(idle) = energy.idle_watts.filter(|_| used.net) {
            self.note(format!("without the {} W that these draw at rest", show_number(idle)));
        }
    }

    /// Why there is no energy that counts.
    fn note_no_energy(&mut self, used: &EnergyUse, all: &Observed) {
        if used.by_class.is_empty() && used.left_out.is_empty() {
            return self.note_unread(all);
        }
        for (subject, why) in &used.left_out {
            self.note(format!("{subject}: {why}"));
        }
        if !used.by_class.is_empty() {
            self.note("what the machine draws at rest is not known: it had no rest before the load in which that was read");
        }
    }
}
