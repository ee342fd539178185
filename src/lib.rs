//! `scenario`: load tests for language-model servers, written as one declarative file and judged with confidence.
//!
//! One sentence: a scenario file is compiled into a plan, the plan is run into records, and everything after that is
//! a pure function of the records on disk.
//!
//! ```text
//! scenario.toml ─config→ Scenario ─plan→ Plan ─engine→ Events ─store→ run folder
//!                                                                       │
//!                     files, pages ←report─ Verdict ←verdict─ Summary ←metrics─┘
//! ```
//!
//! Modules are declared in the order of the data flow, and a module uses only modules above it.

pub mod units;
pub mod schema;
pub mod stats;
pub mod catalog;
pub mod hosts;
pub mod machine;
pub mod template;
pub mod config;
pub mod workload;
pub mod plan;
pub mod record;
pub mod answers;
pub mod wire;
pub mod protocol;
pub mod telemetry;
pub mod pressure;
pub mod engine;
pub mod metrics;
pub mod verdict;
pub mod compare;
pub mod control;
pub mod report;
pub mod store;
pub mod service;
pub mod tune;
pub mod live;
pub mod sim;
pub mod calibrate;
pub mod cli;
