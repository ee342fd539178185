//! The integration tests, as one binary: files that are wrong, the binary as a process against servers whose
//! behaviour is known, and the rules of the house.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test is its own reader"
)]

mod alerts;
mod answers;
mod batches;
mod broken;
mod by_url;
mod calibrate;
mod check;
mod compare;
mod conversations;
mod data;
mod dataset;
mod energy;
mod engine;
mod freeze;
mod fuzz;
mod hardware;
mod headers;
mod hostile;
mod init;
mod judging;
mod kit;
mod load;
mod matrix;
mod mm1;
mod models;
mod monitor;
mod nothing_lost;
mod output;
mod plan;
mod probe;
mod protocols;
mod presets;
mod pressure;
mod prompts;
mod readiness;
mod repeats;
mod rerun;
mod safety;
mod schemas;
mod search;
mod server;
mod server_counts;
mod services;
mod secure;
mod several;
mod side_by_side;
mod steady;
mod streams;
mod tidy;
mod telemetry;
mod timing;
mod tokenizer;
mod trace;
mod traps;
mod tune;
