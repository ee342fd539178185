//! The execution graph: its order, and its picture for tools.

use std::fmt::Write as _;

use petgraph::{
    algo::{DfsSpace, ford_fulkerson, has_path_connecting, toposort},
    graph::{DiGraph, NodeIndex},
};

use super::{Plan, Step, Work, describe};
use crate::config::Pressure;

/// Why steps are no graph that could run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A step's id is not its index.
    #[error("step {index} has the id {id}")]
    Id {
        /// Where it is.
        index: usize,
        /// What it says.
        id: usize,
    },
    /// A step waits for one that does not exist.
    #[error("step {step} waits for step {after}, which does not exist")]
    Missing {
        /// The step that waits.
        step: usize,
        /// What it waits for.
        after: usize,
    },
    /// A step waits for itself, if by detours.
    #[error("step {0} waits for itself")]
    Cycle(usize),
    /// A step stands before one that it waits for.
    #[error("step {step} stands before step {after}, which it waits for")]
    Order {
        /// The step that waits.
        step: usize,
        /// What it waits for.
        after: usize,
    },
    /// A step ends with one that does not exist, sends nothing, or cannot run beside it.
    #[error("step {step} ends with step {until}, which is no load that runs beside it")]
    Until {
        /// The step that ends.
        step: usize,
        /// What it ends with.
        until: usize,
    },
    /// A step uses an endpoint that does not exist, or none at all.
    #[error("step {0} has no endpoint that exists")]
    Endpoint(usize),
    /// An endpoint is served by a service that does not exist.
    #[error("endpoint {0} has a service that does not exist")]
    Service(usize),
}

/// Checks that the steps of a plan can run in the order in which they stand, and that what they use is there.
pub fn check(plan: &Plan) -> Result<(), GraphError> {
    let exists = |service: Option<usize>| service.is_none_or(|service| service < plan.services.len());
    if let Some(endpoint) = plan.endpoints.iter().position(|endpoint| !exists(endpoint.service)) {
        return Err(GraphError::Service(endpoint));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        if step.id != index {
            return Err(GraphError::Id { index, id: step.id });
        }
        if let Some(&after) = step.after.iter().find(|after| **after >= plan.steps.len()) {
            return Err(GraphError::Missing { step: index, after });
        }
        let exist = match &step.work {
            Work::Ready { endpoints } => endpoints.iter().all(|endpoint| *endpoint < plan.endpoints.len()),
            Work::Load(load) => {
                !load.traffic.is_empty()
                    && load.traffic.iter().all(|traffic| traffic.endpoint < plan.endpoints.len())
            }
            Work::Pause { .. } | Work::Watch { .. } | Work::Spared => true,
        };
        if !exist {
            return Err(GraphError::Endpoint(index));
        }
    }
    let graph = of_steps(plan);
    let mut space = DfsSpace::new(&graph);
    toposort(&graph, Some(&mut space)).map_err(|cycle| GraphError::Cycle(cycle.node_id().index()))?;
    if let Some((after, step)) = edges(plan).find(|(from, to)| from > to) {
        return Err(GraphError::Order { step, after });
    }
    for (step, until) in plan.loads().filter_map(|(step, load)| Some((step.id, load.until?))) {
        let host = plan.steps.get(until).and_then(Step::load);
        let mut leads = |from, to| {
            let [from, to] = [from, to].map(NodeIndex::new);
            has_path_connecting(&graph, from, to, Some(&mut space))
        };
        let beside =
            host.is_some_and(|host| host.until.is_none()) && !leads(step, until) && !leads(until, step);
        if !beside {
            return Err(GraphError::Until { step, until });
        }
    }
    Ok(())
}

/// Every step as a node, with an edge from what must end to what it lets start.
fn of_steps(plan: &Plan) -> DiGraph<(), ()> {
    let mut graph = DiGraph::with_capacity(plan.steps.len(), plan.steps.len());
    for _ in &plan.steps {
        graph.add_node(());
    }
    graph.extend_with_edges(edges(plan).map(|(from, to)| (from as u32, to as u32)));
    graph
}

/// The steps that can run at the same time as this one, which is not among them.
pub fn beside(plan: &Plan, step: usize) -> Vec<usize> {
    let graph = of_steps(plan);
    let mut space = DfsSpace::new(&graph);
    let mut leads = |from: usize, to: usize| {
        has_path_connecting(&graph, NodeIndex::new(from), NodeIndex::new(to), Some(&mut space))
    };
    (0..plan.steps.len()).filter(|&other| !leads(step, other) && !leads(other, step)).collect()
}

/// What may load this machine while a step runs: its own pressure, and that of steps beside it.
pub fn pressures(plan: &Plan, step: usize) -> Vec<Pressure> {
    if plan.steps.iter().all(|step| step.pressure.is_none()) {
        return Vec::new();
    }
    let steps = beside(plan, step).into_iter().chain([step]);
    steps.filter_map(|id| plan.steps[id].pressure).collect()
}

/// Whether some steps can run at the same time.
pub fn runs_side_by_side(plan: &Plan) -> bool {
    plan.steps.iter().skip(1).any(|step| !step.after.iter().copied().eq([step.id - 1]))
}

/// The largest sum of the steps' weights that can come together, over all sets of steps that can run at the same time.
///
/// Steps of which any two can run at once are an antichain of the order of the graph, and the heaviest antichain weighs
/// as much as all steps less a maximum flow between their pairs in order (Dilworth's theorem with weights, Fulkerson 1956).
pub fn most_at_once(plan: &Plan, weight: impl Fn(&Step) -> u64) -> u64 {
    let graph = of_steps(plan);
    let weights: Vec<u64> = plan.steps.iter().map(weight).collect();
    let total: u64 = weights.iter().sum();
    if !runs_side_by_side(plan) {
        return weights.into_iter().max().unwrap_or(0);
    }
    let mut network = DiGraph::<(), u64>::new();
    let (source, sink) = (network.add_node(()), network.add_node(()));
    let ends: Vec<_> = weights
        .iter()
        .map(|weight| {
            let (earlier, later) = (network.add_node(()), network.add_node(()));
            network.add_edge(source, earlier, *weight);
            network.add_edge(later, sink, *weight);
            (earlier, later)
        })
        .collect();
    let mut space = DfsSpace::new(&graph);
    for (first, (earlier, _)) in ends.iter().enumerate() {
        for (second, (_, later)) in ends.iter().enumerate() {
            let [from, to] = [first, second].map(NodeIndex::new);
            if first != second && has_path_connecting(&graph, from, to, Some(&mut space)) {
                network.add_edge(*earlier, *later, total);
            }
        }
    }
    let (flow, _) = ford_fulkerson(&network, source, sink);
    total - flow
}

/// What must end, and what it lets start.
fn edges(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    plan.steps.iter().flat_map(|step| step.after.iter().map(|after| (*after, step.id)))
}

/// Steps with those whose arrivals end with theirs.
fn hosts(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    plan.loads().filter_map(|(step, load)| Some((load.until?, step.id)))
}

/// The graph in the language of Graphviz.
pub fn dot(plan: &Plan) -> String {
    let mut text = format!("digraph \"{}\" {{\n  rankdir=LR\n  node [shape=box]\n", quoted(&plan.title()));
    for step in &plan.steps {
        let label = label(plan, step).map(|line| quoted(&line)).join("\\n");
        // writing to a string does not fail
        let _ = writeln!(text, "  s{} [label=\"{label}\"]", step.id);
    }
    for (from, to) in edges(plan) {
        let _ = writeln!(text, "  s{from} -> s{to}");
    }
    for (host, step) in hosts(plan) {
        let _ = writeln!(text, "  s{host} -> s{step} [style=dashed, constraint=false, label=\"ends\"]");
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The graph as a Mermaid flow chart, which Markdown pages of many hosts draw.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for step in &plan.steps {
        let label = label(plan, step).map(|line| escaped(&line)).join("<br/>");
        let _ = writeln!(text, "  s{}[\"{label}\"]", step.id);
    }
    for (from, to) in edges(plan) {
        let _ = writeln!(text, "  s{from} --> s{to}");
    }
    for (host, step) in hosts(plan) {
        let _ = writeln!(text, "  s{host} -. ends .-> s{step}");
    }
    text
}

/// Mermaid knows no backslash; it has entities with `#` in place of `&`.
fn escaped(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

/// A node in two lines: which step it is, and what it does.
fn label(plan: &Plan, step: &Step) -> [String; 2] {
    [describe::step_name(step), describe::work(plan, step)]
}
