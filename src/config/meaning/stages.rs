//! Whether stages and the duration of their phase agree.

use super::{
    super::{Open, Shape},
    Check, Diagnostic, Load, Phase,
};
use crate::units::write_duration;

impl Check<'_> {
    /// A `duration` may cut stages short. It cannot prolong them: nothing says how.
    pub(super) fn stages(&self, name: &str, phase: &Phase) {
        let Load::Open(Open { shape: Shape::Stages(stages), .. }) = &phase.load else { return };
        let whole = stages.iter().map(|stage| stage.over).sum();
        let Some(duration) = phase.duration.filter(|duration| *duration > whole) else { return };
        let (Some(longer), Some(here)) = (
            self.root.at(&["phases", name, "duration"]),
            self.root.at(&["phases", name, "load", "open", "stages"]),
        ) else {
            // both came with another phase's load, where it is told
            return;
        };
        self.sink.push(
            Diagnostic::new(format!("`phases.{name}` is to last longer than its stages"))
                .label(&longer.place, write_duration(duration))
                .label(&here.place, format!("{} in all", write_duration(whole)))
                .help("let the stages last longer, or leave out `duration`"),
        );
    }
}
