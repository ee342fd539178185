//! `scenario service`: the process that watches a service of a run, and the one that becomes the service.

use anyhow::Context as _;

use super::{exit::Exit, terminal};
use crate::service;

/// Arguments of `service`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Become the service that the process of this number watches
    #[arg(long, value_name = "PID")]
    launched_by: Option<u32>,
}

pub(super) fn serve(arguments: &Arguments) -> anyhow::Result<Exit> {
    match arguments.launched_by {
        Some(watcher) => {
            service::take_over(watcher).context("cannot become the service").map(|()| Exit::Environment)
        }
        None => watch(),
    }
}

fn watch() -> anyhow::Result<Exit> {
    let say = |said: &service::Said| {
        // without a run to hear it there is nobody to tell
        if let Ok(line) = serde_json::to_string(said) {
            terminal::print(&line);
        }
    };
    service::watch(&say).context("cannot watch the service")?;
    Ok(Exit::Pass)
}
