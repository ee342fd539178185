//! The execution graph: its order, and its picture for tools.

use std::fmt::Write as _;

use petgraph::{algo::toposort, graph::DiGraph};

use super::{Plan, Step, Work, describe};

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
    /// A step uses an endpoint that does not exist, or none at all.
    #[error("step {0} has no endpoint that exists")]
    Endpoint(usize),
}

/// Checks that the steps of a plan can run in the order in which they stand.
pub fn check(plan: &Plan) -> Result<(), GraphError> {
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
            Work::Pause { .. } => true,
        };
        if !exist {
            return Err(GraphError::Endpoint(index));
        }
    }
    let graph = DiGraph::<(), ()>::from_edges(edges(plan).map(|(from, to)| (from as u32, to as u32)));
    toposort(&graph, None).map_err(|cycle| GraphError::Cycle(cycle.node_id().index()))?;
    match edges(plan).find(|(from, to)| from > to) {
        Some((after, step)) => Err(GraphError::Order { step, after }),
        None => Ok(()),
    }
}

/// What must end, and what it lets start.
fn edges(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    plan.steps.iter().flat_map(|step| step.after.iter().map(|after| (*after, step.id)))
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
