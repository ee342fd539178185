//! `scenario tune`: the number of users that a run found best, written into the server's own configuration.

mod optimum;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use similar::TextDiff;

use self::optimum::best_level;
use super::{exit::Exit, rebuild::look_for_run, terminal};
use crate::{
    metrics,
    store::{self, Run},
    tune::{self, Format, Key},
    verdict::{self, Conclusion},
};

/// What `--help` says about the choice and the exit codes.
pub(super) const HELP: &str = "\
The best concurrency of a ladder is the smallest number of users whose throughput is within
5 % of the best level, of those with errors under 5 % that meet the at-most targets on latency.

Only the number is changed: comments, order, quotes and line ends stay. The old text is kept
beside the file as FILE.bak, or FILE.bak1 and so on where that is taken.

Exit codes:
  0  the value was written, would be, or stands there already
  2  wrong usage: no such key, no number there, a file that is not valid, a run without a ladder
  3  the run is no measurement
  4  the file cannot be written, or the run cannot be read";

/// Arguments of `tune`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Run folder with a ladder of users
    #[arg(value_name = "RUN", required_unless_present = "value")]
    run: Option<PathBuf>,
    /// Configuration file to change
    #[arg(long, value_name = "FILE")]
    write: PathBuf,
    /// Key of the number in it, such as `llm.max_concurrent_requests` or `servers[0].limit`; names with dots in quotes
    #[arg(long, value_name = "KEY")]
    key: Key,
    /// Format of the file, where its ending does not tell
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<Format>,
    /// Phase whose ladder counts, where the run has several
    #[arg(long, value_name = "NAME", conflicts_with = "value")]
    phase: Option<String>,
    /// Write this number instead of the one that a run found; no run is read then
    #[arg(long, value_name = "N")]
    value: Option<u64>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

fn format_parser() -> impl clap::builder::TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).map(|name| {
        let known = Format::ALL.into_iter().find(|format| format.name() == name);
        known.expect("clap lets only these names through")
    })
}

/// The exit code of what is refused, and why it is.
type Refusal = (Exit, String);

pub(super) fn tune(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { write, key, dry_run, .. } = arguments;
    let file = write.display();
    let (format, text) = match file_of(arguments) {
        Ok(read) => read,
        Err(problem) => return Ok(refused(Exit::Usage, &problem)),
    };
    let (value, reason) = match number(arguments)? {
        Ok(number) => number,
        Err((exit, problem)) => return Ok(refused(exit, &problem)),
    };
    let change = match tune::set(&text, format, key, value) {
        Ok(change) => change,
        Err(problem) => {
            let place = problem.place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            return Ok(refused(Exit::Usage, &format!("{file}{place}: {problem}")));
        }
    };
    if change.text == text {
        terminal::say(&format!("`{key}` is {value} already ({file}:{}): {reason}", change.line));
        return Ok(Exit::Pass);
    }
    terminal::print(&diff(&text, &change.text, write));
    terminal::say(&format!("`{key}` from {} to {value} ({file}:{}): {reason}", change.old, change.line));
    if !change.aliases.is_empty() {
        let lines: Vec<String> = change.aliases.iter().map(ToString::to_string).collect();
        terminal::say(&format!("it holds by aliases too, on line {}", lines.join(", ")));
    }
    if *dry_run {
        terminal::say("nothing was written");
    } else {
        let kept = store::rewrite(write, &text, &change.text)?;
        terminal::say(&format!("wrote `{file}`; the old text is in `{}`", kept.display()));
    }
    Ok(Exit::Pass)
}

fn refused(exit: Exit, problem: &str) -> Exit {
    terminal::say(&format!("error: {problem}"));
    exit
}

/// The file's format and text.
fn file_of(arguments: &Arguments) -> Result<(Format, String), String> {
    let path = &arguments.write;
    let shown = path.display();
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("`{shown}` is no text in UTF-8")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("there is no file `{shown}`\n  help: name the configuration file that has the key"))
        }
        Err(error) => Err(format!("cannot read `{shown}`: {error}")),
    }?;
    let format = arguments.format.or_else(|| Format::of(path)).ok_or_else(|| {
        let names = Format::ALL.map(|format| format!("`{}`", format.name())).join(", ");
        format!("the ending of `{shown}` does not tell its format\n  help: `--format` says it: {names}")
    })?;
    Ok((format, text))
}

/// The number to write, and where it comes from.
fn number(arguments: &Arguments) -> anyhow::Result<Result<(u64, String), Refusal>> {
    if let Some(value) = arguments.value {
        return Ok(Ok((value, "given by `--value`".to_owned())));
    }
    let folder = arguments.run.as_deref().unwrap_or(Path::new(""));
    if let Err(problem) = look_for_run(folder) {
        return Ok(Err((Exit::Usage, problem)));
    }
    let run = Run::open(folder)?;
    let summary = metrics::summarize(&run.plan, &run)?;
    let verdict = verdict::judge(&run.plan, &summary);
    if verdict.conclusion == Conclusion::Invalid {
        let problem = format!(
            "the run is INVALID, and none of its numbers is worth writing down: {}\n  help: run it again, or give the number \
             with `--value N`",
            verdict.reason
        );
        return Ok(Err((Exit::Invalid, problem)));
    }
    let best = best_level(&run.plan, &summary, arguments.phase.as_deref());
    Ok(best.map(|(users, reason)| (u64::from(users), reason)).map_err(|problem| (Exit::Usage, problem)))
}

/// The change as `diff -u` shows it.
fn diff(old: &str, new: &str, path: &Path) -> String {
    let name = path.display().to_string();
    TextDiff::from_lines(old, new).unified_diff().header(&name, &name).to_string()
}
