//! Whether services are what endpoints take them for, and whether anything says when they are ready.

use super::{super::Address, Check, Diagnostic, suggest};

impl Check<'_> {
    /// An endpoint leans on a service that there is, and a service that says nothing of when it is ready has an endpoint.
    pub(super) fn services(&self) {
        let names = || self.root.names("services");
        for (name, endpoint) in &self.draft.endpoints {
            // from the tree, so that it is checked even where another key of the endpoint is wrong
            let Some(node) = self.root.at(&["endpoints", name, "service"]) else { continue };
            let Some(service) = node.as_text() else { continue };
            if !names().any(|known| known == service) {
                self.sink.push(
                    Diagnostic::missing(format!(
                        "`endpoints.{name}.service` names the service `{service}`, which does not exist"
                    ))
                    .label(&node.place, "no service of this name")
                    .help(suggest(service, "services", names())),
                );
            }
            if let Some(pid) = self.root.at(&["endpoints", name, "pid"]) {
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}` cannot have both `service` and `pid`"))
                        .label(&pid.key, "a process that runs before the run")
                        .label(&node.place, "its process begins with the run")
                        .help(format!(
                            "remove `endpoints.{name}.pid`: the processes of a service are found without it"
                        )),
                );
            }
            if matches!(endpoint, Some(endpoint) if matches!(endpoint.url, Address::Sim(_))) {
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}` cannot have a service"))
                        .label(&node.key, "nothing for it to serve")
                        .label(
                            self.place(&["endpoints", name, "url"]),
                            "a simulated server is started without one",
                        )
                        .help("remove `service`, or give the URL that the service listens on"),
                );
            }
        }
        let serves = |service: &str| {
            let named = |name| self.root.at(&["endpoints", name, "service"])?.as_text();
            self.root.names("endpoints").any(|name| named(name) == Some(service))
        };
        for name in self.draft.services.keys() {
            if self.root.at(&["services", name, "ready"]).is_none() && !serves(name) {
                self.sink.push(
                    Diagnostic::missing(format!("nothing says when `services.{name}` is ready"))
                        .label(self.key(&["services", name]), "no `ready`, and no endpoint that it serves")
                        .help(format!(
                            "add `service = \"{name}\"` to its endpoint, whose port is then waited for, or `ready.http = \
                             \"http://127.0.0.1:8080/health\"` here"
                        )),
                );
            }
        }
    }
}
