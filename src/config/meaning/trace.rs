//! Whether a load that follows a trace has one.

use super::{
    super::{Workload, nearest::quoted},
    Check, Diagnostic, Layer, Load, Phase,
};

impl Check<'_> {
    /// The endpoints of such a phase share one trace, since request `i` is row `i` of it wherever it goes, and a row is one
    /// prompt.
    pub(super) fn trace(&self, name: &str, phase: &Phase) {
        let Load::Trace(_) = phase.load else { return };
        let follows = self.key(&["phases", name, "load", "trace"]);
        let mut workloads: Vec<(&str, &str)> = Vec::new();
        for (endpoint_name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint.as_ref().filter(|_| self.loads(phase, endpoint_name)) else {
                continue;
            };
            match self.draft.workloads.get(&endpoint.workload) {
                // what is not there, or could not be read, is reported where it is
                None | Some(None) => {}
                Some(Some(Workload::Trace(_))) => workloads.push((endpoint_name, &endpoint.workload)),
                Some(Some(_)) => self.sink.push(
                    Diagnostic::new(format!(
                        "`phases.{name}` follows a trace, and the workload of `{endpoint_name}` is none"
                    ))
                    .label(self.workload_of(endpoint_name), format!("sends `{}`", endpoint.workload))
                    .label(follows, "follows a trace")
                    .help(
                        "give the endpoint a workload with `trace` or `replay`, or name other `endpoints` in the phase",
                    ),
                ),
            }
        }
        if let Some((first, of_first)) = workloads.first()
            && let Some((other, of_other)) = workloads.iter().find(|(_, workload)| workload != of_first)
        {
            let names = quoted(&[*of_first, *of_other]);
            self.sink.push(
                Diagnostic::new(format!(
                    "`phases.{name}` follows one trace, and its endpoints have several: {names}"
                ))
                .label(self.workload_of(other), format!("`{of_other}` here"))
                .label(self.workload_of(first), format!("`{of_first}` here"))
                .help("give them the same workload, or make a phase for each, side by side by `during`"),
            );
        }
        if phase.batches() != [1]
            && let Some(sizes) = self.root.at(&["phases", name, "batch_sizes"])
        {
            self.sink.push(
                Diagnostic::new(format!("`phases.{name}` follows a trace, whose rows are one prompt each"))
                    .label(&sizes.key, "several prompts per request")
                    .label(follows, "follows a trace")
                    .help("remove `batch_sizes`"),
            );
        }
    }

    /// Where it is said which workload an endpoint has.
    fn workload_of(&self, endpoint: &str) -> &super::Place {
        match self.root.at(&["endpoints", endpoint, "workload"]) {
            Some(node) if node.place.source.layer != Layer::BuiltIn => &node.place,
            _ => self.key(&["endpoints", endpoint]),
        }
    }
}
