//! Whether the endpoints of a phase take several prompts in one request.

use super::{Check, Diagnostic, Phase};
use crate::{
    catalog::Protocol,
    config::{Layer, nearest::quoted},
};

impl Check<'_> {
    pub(super) fn batches(&self, name: &str, phase: &Phase) {
        // sizes that came with the load of another phase are checked there
        let Some(sizes) = self.root.at(&["phases", name, "batch_sizes"]) else { return };
        let batching = Protocol::ALL.into_iter().filter(|protocol| protocol.batches());
        let known = quoted(&batching.map(Protocol::name).collect::<Vec<_>>());
        for (endpoint_name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint else { continue };
            if endpoint.protocol.batches() || !self.loads(phase, endpoint_name) {
                continue;
            }
            let protocol = endpoint.protocol.name();
            let place = self.place(&["endpoints", endpoint_name, "protocol"]);
            let (place, label) = if place.source.layer == Layer::BuiltIn {
                let key = self.key(&["endpoints", endpoint_name]);
                (key, format!("speaks `{protocol}`, as it names no other `protocol`"))
            } else {
                (place, format!("`{protocol}` takes one prompt per request"))
            };
            self.sink.push(
                Diagnostic::new(format!(
                    "`phases.{name}` sends several prompts per request to `{endpoint_name}`, whose protocol takes one"
                ))
                .label(place, label)
                .label(&sizes.key, "prompts per request")
                .help(format!(
                    "set `endpoints.{endpoint_name}.protocol` to one of {known}, or name other `endpoints` in the phase"
                )),
            );
        }
    }
}
