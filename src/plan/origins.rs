//! Where every value of a plan came from, as text for people.

use super::{Plan, render};
use crate::config::{Layer, Origin};

/// Characters of a value on one line of the table; a longer one goes on below.
const WIDE: usize = 60;

/// One line per value, sorted by address: the value, the layer that set it, and the file and line where it stands.
pub fn text(plan: &Plan) -> String {
    let mut origins: Vec<&Origin> = plan.origins.iter().collect();
    origins.sort_by(|one, two| one.path.cmp(&two.path));
    let mut table = render::table();
    table.set_header(["address", "value", "layer", "from"]);
    for origin in origins {
        table.add_row([
            origin.path.clone(),
            wrap(&in_one_line(&origin.value)),
            layer(origin.layer).to_owned(),
            place(origin),
        ]);
    }
    render::lines(&table)
}

/// A value on one line: TOML writes long texts on several.
pub(super) fn in_one_line(value: &str) -> String {
    value.replace('\n', "\\n")
}

/// Breaks a value behind spaces, and inside a word only where that is wider than a line.
fn wrap(value: &str) -> String {
    let mut lines = vec![String::new()];
    let mut room = WIDE;
    for word in value.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if length > room && room < WIDE {
            lines.push(String::new());
            room = WIDE;
        }
        for letter in word.chars() {
            if room == 0 && letter != ' ' {
                lines.push(String::new());
                room = WIDE;
            }
            lines.last_mut().expect("starts with one line").push(letter);
            room = room.saturating_sub(1);
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::BuiltIn => "built-in",
        Layer::Preset => "preset",
        Layer::Include => "include",
        Layer::Scenario => "scenario",
        Layer::Platform => "platform",
        Layer::Matrix => "matrix",
        Layer::Set => "flag",
    }
}

/// The source with its line; a flag has none.
pub(super) fn place(origin: &Origin) -> String {
    match origin.line {
        0 => origin.source.clone(),
        line => format!("{}:{line}", origin.source),
    }
}
