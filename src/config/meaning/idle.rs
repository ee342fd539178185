//! Power at rest: there must be a rest before the load, long enough to be read.

use super::{
    super::{Load, Phase, order::predecessors},
    Check, Diagnostic,
};
use crate::units::write_duration;

impl Check<'_> {
    /// What is to be subtracted has to be measured: something is read, and what begins first is a pause of some length in which
    /// nothing presses the machine.
    pub(super) fn idle(&self) {
        let Some(monitoring) = self.draft.monitoring().filter(|monitoring| monitoring.subtract_idle) else {
            return;
        };
        let asked = self.place(&["monitoring", "subtract_idle"]);
        let needs = |what: &str| Diagnostic::new(format!("`monitoring.subtract_idle` {what}"));
        if !monitoring.enabled {
            let enabled = self.place(&["monitoring", "enabled"]);
            self.sink.push(
                needs("needs what nobody reads")
                    .label(asked, "read while the run goes on")
                    .label(enabled, "nothing is read")
                    .help("remove one of the two"),
            );
            return;
        }
        let phases = self.draft.phases.iter();
        let phases: Option<Vec<(&str, &Phase)>> =
            phases.map(|(name, phase)| Some((name.as_str(), phase.as_ref()?))).collect();
        let sound = self.orders().filter(|orders| orders.cycle().is_none());
        let (Some(phases), Some(_)) = (phases, sound) else { return };
        let rest = monitoring.rest();
        let help = format!("put `[phases.idle]` with `pause = \"{}\"` before it", write_duration(rest * 2));
        for ((name, phase), before) in phases.iter().zip(predecessors(phases.iter().copied())) {
            if !before.is_empty() {
                continue;
            }
            match &phase.load {
                Load::Pause(_) if phase.pressure.is_some() => self.sink.push(
                    needs("needs a rest before the load, and the first pause is none")
                        .label(asked, "takes the power at rest for what is idle")
                        .label(self.key(&["phases", name, "pressure"]), "loads the machine")
                        .help(help.as_str()),
                ),
                Load::Pause(length) if *length < rest => {
                    let least = write_duration(rest);
                    self.sink.push(
                        needs(&format!("needs a rest of {least} before the load"))
                            .label(asked, "takes the power at rest for what is idle")
                            .label(
                                self.place(&["phases", name, "pause"]),
                                "too short for five readings of energy",
                            )
                            .help(format!(
                                "let it be {least} or more, or lower `monitoring.energy_interval`"
                            )),
                    );
                }
                Load::Pause(_) => {}
                Load::Closed(_) | Load::Open(_) | Load::Trace(_) | Load::Search(_) => self.sink.push(
                    needs("needs a rest before the load")
                        .label(asked, "takes the power at rest for what is idle")
                        .label(self.key(&["phases", name]), "begins at once")
                        .help(help.as_str()),
                ),
            }
        }
    }
}
