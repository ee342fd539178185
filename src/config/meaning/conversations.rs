//! Whether what talks in turns can: its protocol, its load, and whom else its phases load.

use super::{Check, Diagnostic, Phase};
use crate::{
    catalog::Protocol,
    config::{Load, Search, Sought, Workload, nearest::quoted},
};

impl Check<'_> {
    pub(super) fn conversations(&self, name: &str, phase: &Phase) {
        let is_conversation = |workload: &str| {
            matches!(self.draft.workloads.get(workload), Some(Some(Workload::Conversation(_))))
        };
        let loaded = || {
            let endpoints = self.draft.endpoints.iter().filter(|(endpoint, _)| self.loads(phase, endpoint));
            endpoints.filter_map(|(name, endpoint)| Some((name, endpoint.as_ref()?)))
        };
        let Some((talking, endpoint)) = loaded().find(|(_, endpoint)| is_conversation(&endpoint.workload))
        else {
            return;
        };
        let workload = &endpoint.workload;
        let turns = self.key(&["workloads", workload, "conversation"]);
        let over_rates = matches!(&phase.load, Load::Search(Search { over: Sought::Rate { .. }, .. }));
        if over_rates || matches!(phase.load, Load::Open(_)) {
            self.sink.push(
                Diagnostic::new(format!(
                    "`phases.{name}` sends `{workload}` at times of its own, and a turn waits for the answer before it"
                ))
                .label(self.key(&["phases", name]), "an open loop")
                .label(turns, "a conversation")
                .help("write `load.closed = { users = 4 }`: each user has one conversation at a time"),
            );
        }
        for (other, endpoint) in loaded() {
            if endpoint.workload != *workload {
                self.sink.push(
                    Diagnostic::new(format!(
                        "`phases.{name}` loads `{talking}` and `{other}`, and only one of them has the conversations of `{workload}`"
                    ))
                    .label(self.place(&["endpoints", other, "workload"]), "another workload")
                    .label(turns, "a conversation")
                    .help("give both the same workload, or each a phase of its own, which may run `during` the other"),
                );
            } else if !endpoint.protocol.converses() {
                let known = Protocol::ALL.into_iter().filter(|protocol| protocol.converses());
                let known = quoted(&known.map(Protocol::name).collect::<Vec<_>>());
                self.sink.push(
                    Diagnostic::new(format!(
                        "`{other}` has conversations, and `{}` has no turns",
                        endpoint.protocol.name()
                    ))
                    .label(
                        self.place(&["endpoints", other, "protocol"]),
                        "takes a prompt, and nothing that was said before",
                    )
                    .label(turns, "a conversation")
                    .help(format!("set `endpoints.{other}.protocol` to one of {known}")),
                );
            }
        }
    }
}
