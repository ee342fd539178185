//! The programs that a run starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, PlannedEndpoint, describe};
use crate::{
    config::{Address, HeaderText, Ready, Scenario, Secret, StopSignal},
    units::{Seconds, write_duration},
};

/// A service with everything that it takes to run it but its secrets, which are references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedService {
    /// Its name in the file.
    pub name: String,
    /// The program: a name to look up, or a path from `folder`; `scenario` is this program itself.
    pub command: String,
    /// What stands behind it, each as one argument.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<HeaderText>,
    /// Variables of its environment besides those of this process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, HeaderText>,
    /// The folder that it runs in.
    pub folder: String,
    /// What shows that it is ready.
    pub ready: Ready,
    /// How long that may take, and the first answer of the endpoints that it serves.
    #[serde(rename = "ready_within_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub ready_within: Duration,
    /// What asks it to end.
    pub stop: StopSignal,
    /// How long it may take to; then it is killed.
    #[serde(rename = "stop_within_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub stop_within: Duration,
}

impl PlannedService {
    /// Its command line as a shell would take it; secrets as where they come from.
    pub fn command_line(&self) -> String {
        let secret = |secret: &Secret| match secret {
            Secret::Env(name) => format!("\"${name}\""),
            Secret::File(path) => format!("\"$(cat {})\"", describe::in_shell(path)),
        };
        let given = |text: &HeaderText| match text {
            HeaderText::Text(text) => describe::in_shell(text),
            HeaderText::Secret(reference) => secret(reference),
        };
        let variables = self.environment.iter().map(|(name, value)| format!("{name}={}", given(value)));
        let command = std::iter::once(describe::in_shell(&self.command));
        variables.chain(command).chain(self.args.iter().map(given)).collect::<Vec<_>>().join(" ")
    }

    /// What it waits for, in words: `127.0.0.1:8080 is open`.
    pub fn ready_when(&self) -> String {
        match &self.ready {
            Ready::Http(url) => format!("{url} answers"),
            Ready::Tcp(places) if places.len() == 1 => format!("{} is open", places.join(", ")),
            Ready::Tcp(places) => format!("{} are open", places.join(", ")),
            Ready::Output(text) => format!("it says `{text}`"),
        }
    }

    /// The secrets that it takes, by their addresses.
    pub fn secrets(&self) -> impl Iterator<Item = (String, &Secret)> {
        let name = &self.name;
        let variables = self.environment.iter().filter_map(move |(variable, text)| {
            Some((format!("services.{name}.environment.{variable}"), text.secret()?))
        });
        let args = self.args.iter();
        let args = args.filter_map(move |text| Some((format!("services.{name}.args"), text.secret()?)));
        variables.chain(args)
    }
}

/// The services of a scenario, in the order of the file.
pub(super) fn of(scenario: &Scenario) -> Vec<PlannedService> {
    let planned = scenario.services.iter().map(|(name, service)| {
        let served =
            scenario.endpoints.values().filter(|endpoint| endpoint.service.as_deref() == Some(name.as_str()));
        let places = || distinct(served.filter_map(|endpoint| place(&endpoint.url)));
        PlannedService {
            name: name.clone(),
            command: service.command.clone(),
            args: service.args.clone(),
            environment: service.environment.clone(),
            folder: service.folder.clone(),
            ready: service.ready.clone().unwrap_or_else(|| Ready::Tcp(places())),
            ready_within: service.ready_within,
            stop: service.stop,
            stop_within: service.stop_within,
        }
    });
    planned.collect()
}

/// The host and port of a URL, if it has such.
fn place(address: &Address) -> Option<String> {
    let Address::Url(url) = address else { return None };
    let uri: http::Uri = url.parse().ok()?;
    let standard = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?;
    // a port that cannot be read is not another one
    let written = uri.authority()?.as_str().len() > host.len();
    let port = if written { uri.port_u16()? } else { standard };
    Some(format!("{host}:{port}"))
}

fn distinct(places: impl Iterator<Item = String>) -> Vec<String> {
    places.collect::<BTreeSet<String>>().into_iter().collect()
}

/// A line for each service: what is started, and when it is ready.
pub(super) fn lines(plan: &Plan) -> impl Iterator<Item = String> {
    plan.services.iter().map(|service| {
        format!(
            "{}: {} (ready when {}, within {})",
            service.name,
            service.command_line(),
            service.ready_when(),
            write_duration(service.ready_within)
        )
    })
}

impl Plan {
    /// The service that serves an endpoint; `None` where somebody else runs its server.
    pub fn service_of(&self, endpoint: &PlannedEndpoint) -> Option<&PlannedService> {
        self.services.get(endpoint.service?)
    }

    /// Where a service is to listen, each `HOST:PORT`: the places that are waited for, and those of the endpoints that it serves.
    pub fn places_of(&self, service: &PlannedService) -> Vec<String> {
        let serves = |endpoint: &&PlannedEndpoint| {
            self.service_of(endpoint).is_some_and(|its| its.name == service.name)
        };
        let served = self.endpoints.iter().filter(serves).filter_map(|endpoint| place(&endpoint.address));
        let waited = match &service.ready {
            Ready::Http(url) => place(&Address::Url(url.clone())).into_iter().collect(),
            Ready::Tcp(places) => places.clone(),
            Ready::Output(_) => Vec::new(),
        };
        distinct(served.chain(waited))
    }
}
