//! The embedded servers behind `sim:` endpoints. Shares no code with `wire` or `protocol`.
//!
//! One model, played in two ways. [`Model`] is a continuous-batching server as a pure discrete-event function of
//! arrivals, settings and a seed. [`simulate`] and [`simulate_closed`] play it in virtual time, thousands of runs in
//! seconds; [`serve`] plays the same model in real time behind an HTTP server that speaks `OpenAI`'s protocol, and
//! [`run`] is that server as a process. A run starts it as a [`Child`], so that its CPU is not taken for the load
//! generator's.
//!
//! What the simulation leaves out on purpose: the content of prompts beyond their length, answers that end before the
//! number of tokens asked for, prefix caches, and preemption by swapping to the memory of the host.

mod answer;
mod child;
mod draw;
mod fault;
mod kv_cache;
mod metrics;
mod model;
mod null;
mod player;
mod process;
mod refusal;
mod request;
mod server;
mod settings;
mod token_stream;
mod virtual_time;

pub use child::{Child, StartError};
pub use fault::Fault;
pub use model::{Event, Model, Output, Request, RequestId};
pub use null::serve_null;
pub use process::{Options, listening_line, run, run_null};
pub use server::serve;
pub use settings::{SettingsError, parse_settings};
pub use virtual_time::{Arrival, Seen, simulate, simulate_closed};
