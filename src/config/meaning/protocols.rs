//! Whether what is asked of an endpoint is something that its protocol has.

use super::{Check, Diagnostic};
use crate::{
    catalog::Protocol,
    config::{Address, Layer, Model, nearest::quoted, tree::Value},
};

impl Check<'_> {
    pub(super) fn protocols(&self) {
        for (name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint else { continue };
            let spoken = endpoint.protocol.name();
            let protocol = self.place(&["endpoints", name, "protocol"]);
            if let Address::Sim(sim) = &endpoint.url
                && !endpoint.protocol.is_simulated()
            {
                let known = Protocol::ALL.into_iter().filter(|protocol| protocol.is_simulated());
                let known = quoted(&known.map(Protocol::name).collect::<Vec<_>>());
                self.sink.push(
                    Diagnostic::new(format!("the simulated server `{sim}` does not speak `{spoken}`"))
                        .label(protocol, "simulated servers do not speak this")
                        .label(self.place(&["endpoints", name, "url"]), "a simulated server")
                        .help(format!(
                            "set `endpoints.{name}.protocol` to one of {known}, or name a server by its URL"
                        )),
                );
            }
            if endpoint.check.is_some() && !endpoint.protocol.generates() {
                self.sink.push(
                    Diagnostic::new(format!("answers of `{spoken}` have no text to check"))
                        .label(self.key(&["endpoints", name, "check"]), "asks for some text")
                        .label(protocol, "the protocol")
                        .help("remove `check`"),
                );
            }
            // a described one says it itself
            let names_a_model =
                endpoint.protocol == Protocol::Http || endpoint.protocol.own_fields().contains(&"model");
            if matches!(endpoint.model, Model::Mix(_)) && !names_a_model {
                self.sink.push(
                    Diagnostic::new(format!("requests of `{spoken}` name no model"))
                        .label(self.key(&["endpoints", name, "model"]), "asks for several")
                        .label(protocol, "the protocol")
                        .help("remove `model`"),
                );
            }
            let Some(stream) = self.root.at(&["endpoints", name, "stream"]) else { continue };
            let asked =
                matches!(stream.value, Value::Bool(true)) && stream.place.source.layer != Layer::BuiltIn;
            if asked && !endpoint.protocol.generates() {
                self.sink.push(
                    Diagnostic::new(format!("`{spoken}` has no streams"))
                        .label(&stream.place, "its answers come whole")
                        .label(protocol, "the protocol")
                        .help("remove `stream`"),
                );
            }
        }
    }
}
