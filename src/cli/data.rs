//! `scenario data`: made-up test data, as workloads make it.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
};

use anyhow::Context as _;
use serde::Serialize;

use super::{
    exit::Exit,
    load::{plural, read},
    terminal::{self, Terminal},
};
use crate::{
    config::{self, Input, Workload},
    machine::Machine,
    workload::{Datasets, Source, snippet},
};

/// Arguments of `data`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to make
    #[arg(value_enum)]
    kind: Kind,
    /// How many
    #[arg(short, long, value_name = "N", default_value_t = 1000)]
    number: u64,
    /// The file to write; `-` for the standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: String,
    /// Write over a file that exists
    #[arg(long)]
    force: bool,
    /// Every random choice follows from it
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Change what is made, with the keys of `[workloads.NAME.KIND]`, such as `prompt_tokens=500` or `mix.python=1`; may
    /// be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// A kind of content, by the name of its workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Code in JavaScript, TypeScript, Python and React.
    Snippets,
    /// Prose in English.
    Synthetic,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Snippets => "snippets",
            Self::Synthetic => "synthetic",
        }
    }
}

/// A line of the file.
#[derive(Serialize)]
struct Line {
    text: String,
    language: &'static str,
}

/// The name of the workload that is made; the content hangs on it.
const NAME: &str = "data";

pub(super) fn data(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    let Arguments { number, out, force, seed, .. } = arguments;
    let workload = match workload(arguments) {
        Ok(workload) => workload,
        Err(problems) => {
            terminal::say(&problems.render(terminal.color_err()));
            return Ok(Exit::Usage);
        }
    };
    let source = Datasets::default().open(NAME, &workload, None)?;
    let lines = (0..*number).map(|seq| line(&workload, &source, *seed, seq));
    if out == "-" {
        return match write(lines, io::stdout().lock()) {
            // a reader that went away (`| head`) is no error of ours
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write"),
            _ => Ok(Exit::Pass),
        };
    }
    let file = OpenOptions::new().write(true).create(*force).truncate(*force).create_new(!force).open(out);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            terminal::say(&format!("error: `{out}` exists\n  help: `--force` writes over it"));
            return Ok(Exit::Usage);
        }
        other => other.with_context(|| format!("cannot create `{out}`"))?,
    };
    write(lines, file).with_context(|| format!("cannot write `{out}`"))?;
    terminal::say(&format!("wrote {} to `{out}`", plural(usize::try_from(*number)?, "line")));
    Ok(Exit::Pass)
}

/// The workload, by the rules that a scenario file has for it.
fn workload(arguments: &Arguments) -> Result<Workload, config::Problems> {
    let kind = arguments.kind.name();
    let text = format!(
        "version = 1\nname = \"data\"\nendpoints.main.url = \"sim:cpu_only\"\nworkloads.{NAME}.{kind} = {{}}\n\
         phases.load = {{ requests = 1, load.closed.users = 1 }}\n"
    );
    let sets: Vec<_> = arguments.sets.iter().map(|set| format!("workloads.{NAME}.{kind}.{set}")).collect();
    let input = Input { name: "scenario data", text: &text, platform: None, sets: &sets };
    let cases = config::load(&input, &Machine::default(), &|name| std::env::var(name).ok(), &read)?;
    Ok(cases[0].workloads[NAME].clone())
}

fn line(workload: &Workload, source: &Source, seed: u64, seq: u64) -> io::Result<Line> {
    Ok(match workload {
        Workload::Snippets(snippets) => {
            let snippet = snippet(snippets, NAME, seed, seq, 0);
            Line { text: snippet.text, language: snippet.language.name() }
        }
        Workload::Synthetic(_) | Workload::Dataset(_) | Workload::Trace(_) | Workload::Conversation(_) => {
            let prompt = source.prompt(seed, seq).map_err(io::Error::other)?;
            Line { text: prompt.text, language: "english" }
        }
    })
}

fn write(lines: impl Iterator<Item = io::Result<Line>>, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    for line in lines {
        serde_json::to_writer(&mut out, &line?)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
