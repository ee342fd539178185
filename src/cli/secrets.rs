//! Secrets and the files of TLS: read when a run begins, and looked for by `check`, as the programs of services are.

use super::services;
use crate::{
    config::{Finding, Secret, Webhook},
    plan::{Plan, PlannedEndpoint, PlannedService, Work},
    wire::tls,
};

/// Reads the value of a secret; the reason of a failure never contains it.
pub(super) fn read_secret(secret: &Secret) -> Result<String, String> {
    let value = match secret {
        Secret::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable `{name}` is not set"))?
        }
        Secret::File(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?
        }
    };
    let value = value.trim();
    if value.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(value.to_owned()) }
}

/// The values of all secrets of a plan, as far as they can be read.
pub(super) fn known(plan: &Plan) -> Vec<String> {
    let services = plan.services.iter().flat_map(PlannedService::secrets);
    let webhook = plan.webhook.iter().flat_map(Webhook::secrets);
    let all = services.chain(webhook).chain(plan.endpoints.iter().flat_map(secrets));
    all.filter_map(|(_, secret)| read_secret(secret).ok()).collect()
}

/// The secrets, files and programs that runs of the plans need and would not find here, or could not use, each once.
pub(super) fn missing(plans: &[Plan]) -> Vec<Finding> {
    let mut missing: Vec<Finding> = Vec::new();
    let mut add = |finding: Finding| {
        if !missing.contains(&finding) {
            missing.push(finding);
        }
    };
    for webhook in plans.iter().filter_map(|plan| plan.webhook.as_ref()) {
        webhook.secrets().filter_map(unread).for_each(&mut add);
    }
    for service in plans.iter().flat_map(|plan| &plan.services) {
        service.secrets().filter_map(unread).for_each(&mut add);
        services::missing(service).into_iter().for_each(&mut add);
    }
    for endpoint in plans.iter().flat_map(loaded) {
        secrets(endpoint).filter_map(unread).for_each(&mut add);
        for wrong in tls::Files::read(&endpoint.tls).err().unwrap_or_default() {
            let address = format!("endpoints.{}.tls.{}", endpoint.name, wrong.key);
            add(Finding {
                message: format!("`{address}`: {wrong}"),
                labels: vec![(address, "a run needs it".to_owned())],
                help: wrong.help.to_owned(),
            });
        }
    }
    missing
}

/// What is wrong with a secret that cannot be read here.
fn unread((address, secret): (String, &Secret)) -> Option<Finding> {
    let reason = read_secret(secret).err()?;
    let (key, help) = match secret {
        Secret::Env(name) => ("env", format!("set it before the run: `export {name}=…`")),
        Secret::File(_) => {
            ("file", "put the secret into this file before the run, or correct the path".to_owned())
        }
    };
    Some(Finding {
        message: format!("`{address}`: {reason}"),
        labels: vec![(format!("{address}.{key}"), "a run needs it".to_owned())],
        help,
    })
}

/// The endpoints that a plan sends anything to.
fn loaded(plan: &Plan) -> impl Iterator<Item = &PlannedEndpoint> {
    let ready = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Ready { endpoints } => Some(endpoints),
        _ => None,
    });
    ready.flatten().map(|index| &plan.endpoints[*index])
}

/// The secrets of an endpoint by their addresses.
fn secrets(endpoint: &PlannedEndpoint) -> impl Iterator<Item = (String, &Secret)> {
    let name = &endpoint.name;
    let headers = endpoint.headers.iter().filter_map(move |(header, text)| {
        Some((format!("endpoints.{name}.headers.{header}"), text.secret()?))
    });
    let key = endpoint.api_key.iter().map(move |secret| (format!("endpoints.{name}.api_key"), secret));
    key.chain(headers)
}
