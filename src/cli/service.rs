//! `scenario service`: the process that watches a service of a run.

use anyhow::Context as _;

use super::{exit::Exit, terminal};
use crate::service;

pub(super) fn watch() -> anyhow::Result<Exit> {
    let say = |said: &service::Said| {
        // without a run to hear it there is nobody to tell
        if let Ok(line) = serde_json::to_string(said) {
            terminal::print(&line);
        }
    };
    service::watch(&say).context("cannot watch the service")?;
    Ok(Exit::Pass)
}
