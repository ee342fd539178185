//! The two output streams and what they can show.

use std::io::{self, IsTerminal as _, Write as _};

use super::ColorChoice;
use crate::{engine::NotReady, report::Style};

/// Standard output for results, standard error for everything said on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    color_out: bool,
    color_err: bool,
    /// Whether a live bar makes sense.
    pub(super) live: bool,
}

impl Terminal {
    pub(super) fn new(choice: ColorChoice) -> Self {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let wanted = |terminal: bool| match choice {
            ColorChoice::Auto => terminal && allowed,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        let live = io::stderr().is_terminal();
        Self {
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(live),
            live: live && choice != ColorChoice::Never,
        }
    }

    /// How reports on standard output are to look.
    pub(super) fn style(self) -> Style {
        /// Width where there is no terminal to ask.
        const WIDTH: usize = 100;
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        Style { color: self.color_out, width: columns.unwrap_or(WIDTH).clamp(60, 160) }
    }

    /// Whether diagnostics on standard error are coloured.
    pub(super) fn color_err(self) -> bool {
        self.color_err
    }
}

/// Prints a result.
pub(super) fn print(text: &str) {
    // a reader that went away (`| head`) is no error of ours
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// Says something on the way.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// Says what went wrong, with its causes; of several things each.
pub(super) fn error(error: &anyhow::Error) {
    match error.downcast_ref() {
        Some(NotReady(problems)) => problems.iter().for_each(|problem| say(&format!("error: {problem}"))),
        None => say(&format!("error: {error:#}")),
    }
}
