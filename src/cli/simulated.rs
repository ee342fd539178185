//! The simulated servers of a run.

use std::collections::{BTreeMap, btree_map::Entry};

use super::run::this_program;
use crate::{
    config::Address,
    engine::Binding,
    machine::StartedService,
    plan::{Plan, PlannedEndpoint},
    sim::Child,
    telemetry,
};

/// The simulated servers of a run, one child process each.
pub(super) struct Simulated {
    /// By the name behind `sim:`.
    servers: BTreeMap<String, Child>,
    /// The base URL for each endpoint of the plan that has one.
    pub(super) urls: Vec<Option<String>>,
}

impl Simulated {
    pub(super) fn start(plan: &Plan) -> anyhow::Result<Self> {
        let program = this_program()?;
        let mut servers = BTreeMap::new();
        let mut urls = Vec::new();
        for endpoint in &plan.endpoints {
            let (Address::Sim(name), Some(settings)) = (&endpoint.address, &endpoint.sim) else {
                urls.push(None);
                continue;
            };
            // endpoints that name the same simulated server share it, as they would a real one
            let child = match servers.entry(name.clone()) {
                Entry::Occupied(running) => running.into_mut(),
                Entry::Vacant(none) => none.insert(Child::start(&program, name, settings, plan.seed)?),
            };
            urls.push(Some(child.base_url().to_owned()));
        }
        Ok(Self { servers, urls })
    }

    /// The process of an endpoint's server.
    fn pid(&self, endpoint: &PlannedEndpoint) -> Option<u32> {
        let Address::Sim(name) = &endpoint.address else { return None };
        self.servers.get(name).map(Child::pid)
    }

    /// Where the server of each endpoint is, for what is read of it.
    pub(super) fn servers(
        &self,
        plan: &Plan,
        bindings: &[Binding],
        services: &[StartedService],
    ) -> Vec<telemetry::Server> {
        let served = |endpoint: &PlannedEndpoint| {
            let service = plan.service_of(endpoint)?;
            let pid = services.iter().find(|started| started.service == service.name)?.pid;
            // then who listens on the endpoint's port is asked for
            (!telemetry::hands_on(&service.command, pid)).then_some(pid)
        };
        let each = plan.endpoints.iter().zip(bindings).map(|(endpoint, binding)| telemetry::Server {
            endpoint: endpoint.name.clone(),
            url: binding.server.url.clone(),
            pid: endpoint.pid.or_else(|| self.pid(endpoint)).or_else(|| served(endpoint)),
            pages: endpoint.metrics.clone(),
            headers: binding.headers.clone(),
            tls: binding.tls.clone(),
        });
        each.collect()
    }
}
