//! Tree → typed values. Each value is checked by itself here; how they fit together is `meaning`'s business.

mod alerts;
mod body;
mod check;
mod connection;
mod dataset;
mod fields;
mod headers;
mod http_api;
mod json;
mod leaf;
mod load;
mod metric;
mod metrics;
mod model;
mod monitoring;
mod objectives;
mod price;
mod safety;
mod same_as;
mod search;
mod output;
mod pressure;
mod servers;
mod services;
mod targets;
mod tokenizer;
mod trace;
mod url;
mod workloads;

#[cfg(test)]
pub(super) use fields::asked;
use fields::{Fields, entries};
use indexmap::IndexMap;
use same_as::Others;
pub(super) use servers::OPERATIONS;

use super::{
    Alert, Alerting, Axis, Defaults, Endpoint, Monitoring, Objective, OnBottleneck, OnInconclusive, Origin,
    Output, Permitted, Phase, Places, Platform, Price, Run, Scenario, Service, Sim, Target, Threads,
    Workload,
    diagnostic::Sink,
    tree::{Node, Value},
};

/// The longest prompt or answer, in tokens or words: beyond any model's context, and small enough to sum over.
pub(super) const LONGEST: u32 = 1_000_000;

/// The version of the language.
const VERSION: u32 = 1;

/// A scenario as far as it could be read: `None` stands for what is wrong, and is reported.
pub(super) struct Draft {
    name: Option<String>,
    description: Option<String>,
    seed: Option<u64>,
    run: Option<Run>,
    /// What could be read of it.
    pub output: Option<Output>,
    monitoring: Option<Monitoring>,
    defaults: Option<Defaults>,
    /// By name; every name of the file is there.
    pub endpoints: IndexMap<String, Option<Endpoint>>,
    /// Likewise.
    pub services: IndexMap<String, Option<Service>>,
    /// Likewise.
    pub workloads: IndexMap<String, Option<Workload>>,
    /// Likewise.
    pub phases: IndexMap<String, Option<Phase>>,
    /// Those that could be read.
    pub objectives: Vec<Objective>,
    /// What could be read of it.
    pub price: Option<Price>,
    /// By name; every name of the file is there.
    pub targets: IndexMap<String, Option<Target>>,
    /// Likewise.
    pub alerts: IndexMap<String, Option<Alert>>,
    alerting: Option<Alerting>,
    sims: IndexMap<String, Option<Sim>>,
}

impl Draft {
    /// `defaults.max_endpoints`, where it could be read.
    pub(super) fn max_endpoints(&self) -> Option<u32> {
        Some(self.defaults.as_ref()?.max_endpoints)
    }

    /// `[monitoring]`, where it could be read.
    pub(super) fn monitoring(&self) -> Option<Monitoring> {
        self.monitoring
    }

    /// Whether anything is read of the machine; what could not be read is taken to.
    pub(super) fn monitors(&self) -> bool {
        self.monitoring.is_none_or(|monitoring| monitoring.enabled)
    }

    /// The scenario; `None` if anything could not be read.
    pub(super) fn finish(
        self,
        platform: Platform,
        case: Vec<Axis>,
        origins: Vec<Origin>,
        places: Places,
    ) -> Option<Scenario> {
        Some(Scenario {
            name: self.name?,
            case,
            description: self.description?,
            seed: self.seed?,
            platform,
            run: self.run?,
            output: self.output?,
            monitoring: self.monitoring?,
            defaults: self.defaults?,
            endpoints: all(self.endpoints)?,
            services: all(self.services)?,
            workloads: all(self.workloads)?,
            phases: all(self.phases)?,
            objectives: self.objectives,
            price: self.price,
            targets: all(self.targets)?,
            alerts: all(self.alerts)?,
            alerting: self.alerting?,
            sims: all(self.sims)?,
            origins,
            places,
        })
    }
}

fn all<T>(map: IndexMap<String, Option<T>>) -> Option<IndexMap<String, T>> {
    map.into_iter().map(|(name, value)| Some((name, value?))).collect()
}

/// Reads the merged and filled tree.
pub(super) fn draft(root: &Node, sink: &Sink) -> Option<Draft> {
    let mut fields = Fields::open("", root, sink)?;
    fields.require("version", "version = 1", known_version);
    let name = fields.require("name", "name = \"my-experiment\"", name);
    let description = if fields.node("description").is_some() {
        fields.get("description", leaf::text)
    } else {
        Some(String::new())
    };
    let seed = fields.get("seed", leaf::count::<u64>(0));
    let run = fields.table_at("run").and_then(run);
    let output = fields.table_at("output").and_then(output::output);
    let monitoring = fields.table_at("monitoring").and_then(monitoring::monitoring);
    let defaults = fields.table_at("defaults").and_then(defaults);
    let endpoints = named(&mut fields, "endpoints", sink, servers::endpoint);
    let services = named(&mut fields, "services", sink, services::service);
    let workloads = named(&mut fields, "workloads", sink, workloads::workload);
    let sims = named(&mut fields, "sims", sink, servers::sim);
    let phases = phases(&mut fields, &endpoints, sink);
    let objectives = fields.table_at("objectives").map(objectives::objectives).unwrap_or_default();
    let price = fields.table_at("price").and_then(price::price);
    let targets = named(&mut fields, "targets", sink, targets::target);
    let alerts = named(&mut fields, "alerts", sink, alerts::alert);
    let alerting = fields.table_at("alerting").and_then(alerts::alerting);
    // taken out long before; known here so that a misspelt one finds its name
    for key in ["include", "platforms", "matrix"] {
        fields.node(key);
    }
    fields.finish();
    Some(Draft {
        name,
        description,
        seed,
        run,
        output,
        monitoring,
        defaults,
        endpoints,
        services,
        workloads,
        phases,
        objectives,
        price,
        targets,
        alerts,
        alerting,
        sims,
    })
}

/// Checks the version of a file that need not have one.
pub(super) fn version(file: &Node, sink: &Sink) {
    if let Some(mut fields) = Fields::open("", file, sink) {
        fields.get("version", known_version);
    }
}

fn known_version(node: &Node) -> leaf::Read<()> {
    let version = leaf::count::<u32>(0)(node)?;
    if version == VERSION {
        return Ok(());
    }
    leaf::wrong(
        node,
        format!("must be {VERSION}, found {version}"),
        "not a version of the language that this program reads",
        "write `version = 1`, or use a newer program",
    )
}

/// Reads every entry of a table of named things.
fn named<'a, T>(
    root: &mut Fields<'a>,
    key: &'static str,
    sink: &'a Sink,
    read: impl Fn(&mut Fields<'a>) -> Option<T>,
) -> IndexMap<String, Option<T>> {
    entries(root, key, sink)
        .into_iter()
        .map(|(name, node)| (name.to_owned(), one(&format!("{key}.{name}"), node, sink, &read)))
        .collect()
}

/// Reads one entry of a table of named things.
fn one<'a, T>(
    path: &str,
    node: &'a Node,
    sink: &'a Sink,
    read: impl Fn(&mut Fields<'a>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::open(path, node, sink)?;
    let value = read(&mut fields);
    fields.finish();
    value
}

/// Reads every phase: first those that have a load of their own, then those that take one from them.
fn phases<'a>(
    fields: &mut Fields<'a>,
    endpoints: &IndexMap<String, Option<Endpoint>>,
    sink: &'a Sink,
) -> IndexMap<String, Option<Phase>> {
    let root = fields.node;
    let entries = entries(fields, "phases", sink);
    let mut phases: IndexMap<String, Option<Phase>> =
        entries.iter().map(|(name, _)| ((*name).to_owned(), None)).collect();
    for takes in [false, true] {
        for (name, node) in entries.iter().filter(|(_, node)| same_as::takes(node) == takes) {
            let others = Others { root, phases: &phases, endpoints };
            let phase =
                one(&format!("phases.{name}"), node, sink, |fields| load::phase(name, fields, &others));
            phases.insert((*name).to_owned(), phase);
        }
    }
    phases
}

/// A name that can also be the name of a folder.
fn name(node: &Node) -> leaf::Read<String> {
    let name = leaf::text(node)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name.len() <= 100 {
        return Ok(name);
    }
    leaf::wrong(
        node,
        "must be a plain name: it also names the run folder",
        "not a plain name",
        "start with a letter or digit and use letters, digits, `-`, `_` and `.`, at most 100",
    )
}

fn run(mut fields: Fields<'_>) -> Option<Run> {
    // chosen long before, by `platform`
    fields.get("platform", leaf::text);
    let label = fields.get("label", leaf::text);
    let max_in_flight = fields.get("max_in_flight", leaf::count(1));
    let drain = fields.get("drain", leaf::duration);
    let ready_timeout = fields.get("ready_timeout", leaf::positive_duration);
    let outcomes = [("fail", OnInconclusive::Fail), ("warn", OnInconclusive::Warn)];
    let on_inconclusive = fields.get("on_inconclusive", leaf::word(&outcomes));
    let bottleneck = [("invalid", OnBottleneck::Invalid), ("warn", OnBottleneck::Warn)];
    let on_bottleneck = fields.get("on_bottleneck", leaf::word(&bottleneck));
    let calibrate = fields.get("calibrate", leaf::boolean);
    let repeats =
        fields.get("repeats", |node| at_most(node, MOST_REPEATS, "start the command again for more"));
    let threads = fields.get("threads", threads);
    let allow_hosts = fields.get("allow_hosts", safety::hosts);
    let ceiling = fields.table_at("ceiling").and_then(safety::ceiling);
    fields.finish();
    Some(Run {
        label: label?,
        max_in_flight: max_in_flight?,
        drain: drain?,
        ready_timeout: ready_timeout?,
        on_inconclusive: on_inconclusive?,
        on_bottleneck: on_bottleneck?,
        calibrate: calibrate?,
        repeats: repeats?,
        threads: threads?,
        allow_hosts: allow_hosts?,
        ceiling: ceiling?,
        without_flags: None,
    })
}

/// Reads what a `[run]` permits.
pub(super) fn permitted(run: &Node, sink: &Sink) -> Option<Permitted> {
    let mut fields = Fields::open("run", run, sink)?;
    let allow_hosts = fields.get("allow_hosts", safety::hosts);
    let ceiling = fields.table_at("ceiling").and_then(safety::ceiling);
    Some(Permitted { allow_hosts: allow_hosts?, ceiling: ceiling? })
}

/// Runs of one plan in a row: more are a mistake rather than patience.
const MOST_REPEATS: u32 = 1000;

/// Threads of one client: more than any machine has processors.
const MOST_THREADS: u32 = 1024;

fn at_most(node: &Node, most: u32, help: &str) -> leaf::Read<u32> {
    let number = leaf::count::<u32>(1)(node)?;
    if number > most {
        let what = format!("must be {most} or less, found {number}");
        return leaf::wrong(node, what, format!("more than {most}"), help);
    }
    Ok(number)
}

fn threads(node: &Node) -> leaf::Read<Threads> {
    let help = "write a number of threads, `\"all\"` for one per processor, or `\"auto\"` for half as many beside a server of \
                this machine";
    match &node.value {
        Value::Text(text) | Value::Filled(text) if text == "auto" => Ok(Threads::Auto),
        Value::Text(text) | Value::Filled(text) if text == "all" => Ok(Threads::All),
        Value::Text(text) => {
            leaf::wrong(node, format!("cannot be `{text}`"), "neither a number, `all` nor `auto`", help)
        }
        _ => at_most(node, MOST_THREADS, help).map(Threads::Number),
    }
}

fn defaults(mut fields: Fields<'_>) -> Option<Defaults> {
    let timeout = fields.get("timeout", leaf::positive_duration);
    let concurrency = fields.get("concurrency", |node| leaf::one_or_many(node, leaf::count(1)));
    let requests = fields.get("requests", leaf::count(1));
    let max_endpoints = fields.get("max_endpoints", leaf::count(1));
    let batch_sizes = fields.get("batch_sizes", load::batch_sizes);
    fields.finish();
    Some(Defaults {
        timeout: timeout?,
        concurrency: concurrency?,
        requests: requests?,
        max_endpoints: max_endpoints?,
        batch_sizes: batch_sizes?,
    })
}
