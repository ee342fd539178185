//! Pages of Prometheus: of servers of models, which say how many requests wait, and of exporters, which tell of other machines and
//! their GPUs.
//!
//! ```text
//! URL ─fetch→ text ─page→ series ─server, gpus, host→ readings ─reader→ samples ─sensor→
//!                            └────────raw────────────→ what is kept as it is ┘
//! ```
//!
//! Pages are fetched on a thread of their own, so that one that is slow holds nothing up.

mod fetch;
mod gpus;
mod host;
mod page;
mod raw;
mod reader;
mod sensor;
mod server;
#[cfg(test)]
mod tests;

pub(super) use sensor::{Manner, find};
