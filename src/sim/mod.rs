//! The embedded servers behind `sim:` endpoints. Shares no code with `wire` or `protocol`.
//!
//! One model, played in two ways. [`Model`] is a continuous-batching server as a pure discrete-event function of
//! arrivals, settings and a seed. [`simulate`] and [`simulate_closed`] play it in virtual time, thousands of runs in
//! seconds.
//!
//! What the simulation leaves out on purpose: the content of prompts beyond their length, prefix caches, the memory
//! of the key-value cache and preemption.

mod draw;
mod fault;
mod model;
mod settings;
mod virtual_time;

pub use fault::Fault;
pub use model::{Event, Model, Output, Request, RequestId};
pub use settings::{SettingsError, parse_settings};
pub use virtual_time::{Arrival, Seen, simulate, simulate_closed};
