//! `scenario presets`: what `--platform` and `run.platform` can name.

use comfy_table::{ContentArrangement, Table, presets as lines};

use super::{exit::Exit, terminal};
use crate::{
    config::{self, PresetInfo},
    machine::Machine,
};

/// Arguments of `presets`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print this one as TOML instead of the list; a copy of it is a start for one's own
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn presets(arguments: &Arguments) -> Exit {
    let Some(name) = &arguments.name else {
        terminal::print(&list(&Machine::detect()));
        return Exit::Pass;
    };
    match config::preset(name) {
        Ok(preset) => {
            terminal::print(&text(&preset));
            Exit::Pass
        }
        Err(problem) => {
            terminal::say(&format!("error: {problem}"));
            Exit::Usage
        }
    }
}

/// All presets, with a mark at the one that a machine takes.
fn list(machine: &Machine) -> String {
    let chosen = config::detect(machine);
    let mut table = Table::new();
    table.load_style(lines::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "preset", "extends", "detected by", "note"]);
    for preset in config::presets() {
        let mark = if preset.name == chosen.name { "→" } else { "" };
        let extends = preset.extends.join(" → ");
        table.add_row([mark, &preset.name, &extends, &preset.detects, &preset.note]);
    }
    let rows = table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n");
    format!(
        "{rows}\n→ what this machine takes: {} ({})\n`--platform NAME` takes another one, `scenario presets NAME` \
         shows what it says",
        chosen.name, chosen.reason
    )
}

/// A preset under a line that names what it builds on; a comment, so that the whole is still a preset. Where its schema
/// lies in the source of the program says nothing to a copy.
fn text(preset: &PresetInfo) -> String {
    let chain: Vec<&str> =
        std::iter::once(preset.name.as_str()).chain(preset.extends.iter().map(String::as_str)).collect();
    let (first, rest) = preset.text.split_once("\n\n").unwrap_or_default();
    let text = if first.starts_with("#:schema ") { rest } else { &preset.text };
    format!("# {}\n\n{text}", chain.join(" → "))
}
