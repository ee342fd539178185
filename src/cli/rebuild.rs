//! Records → verdict and files: the pure half of the pipeline, for a run that just ended and for `scenario report`.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{
    exit::Exit,
    terminal::{self, Terminal},
};
use crate::{
    compare::RunFigures,
    config::Format,
    metrics::{self, GpuMemory, Source as _, Summary},
    record::{Abort, Alert, Diary, Generator, Pressed, Saturated},
    report::{self, Report},
    store::{self, Run},
    verdict::{self, Conclusion, Verdict},
};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Run folders
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Also write the summary to this file; an array of them for several runs
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print one line per run instead of the report
    #[arg(long, short)]
    quiet: bool,
}

/// A run that was read back, judged and drawn.
pub(super) struct Rebuilt {
    run: Run,
    summary: Summary,
    verdict: Verdict,
    /// The content of `summary.json`.
    pub(super) json: serde_json::Value,
}

impl Rebuilt {
    /// The exit code of the run.
    pub(super) fn exit(&self) -> Exit {
        let silent = verdict::nothing_answered(&self.summary);
        Exit::of(self.verdict.conclusion, self.summary.ending, silent, self.run.plan.on_inconclusive)
    }

    /// Why it is no measurement that others could be held against; `None` where it is one.
    pub(super) fn unfit(&self) -> Option<String> {
        let Verdict { conclusion, reason, .. } = &self.verdict;
        let word = match conclusion {
            Conclusion::Invalid => "INVALID",
            Conclusion::Aborted => "ABORTED",
            Conclusion::Fail | Conclusion::Inconclusive | Conclusion::Pass => return None,
        };
        Some(format!("`{}` is {word}: {reason}", self.name()))
    }

    /// The name of its folder, wherever that is.
    pub(super) fn name(&self) -> String {
        let whole = self.run.folder.canonicalize();
        let name = whole.ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        name.unwrap_or_else(|| self.run.folder.display().to_string())
    }

    /// The numbers by which it is compared with others.
    pub(super) fn figures(&self) -> RunFigures {
        RunFigures::of(&self.name(), &self.summary, &self.verdict)
    }

    /// The view that renderers take.
    pub(super) fn report(&self) -> Report<'_> {
        Report {
            plan: &self.run.plan,
            system: &self.run.system,
            summary: &self.summary,
            verdict: &self.verdict,
            started: self.run.started,
            elapsed_s: elapsed_s(self.run.diary()),
            folder: self.run.folder.to_str().unwrap_or_default(),
        }
    }
}

/// Seconds from the start of the run to the last thing in its diary.
fn elapsed_s(diary: &[Diary]) -> f64 {
    let last = diary.iter().map(|line| match line {
        // what was started may take a while to end when all is over
        Diary::RunStarted { .. } | Diary::ServiceEnded(_) => 0,
        Diary::StepStarted { at_ns, .. }
        | Diary::Issued { at_ns, .. }
        | Diary::StepEnded { at_ns, .. }
        | Diary::Trial { at_ns, .. }
        | Diary::Spared { at_ns, .. }
        | Diary::Saturated(Saturated { at_ns, .. })
        | Diary::Generator(Generator { at_ns, .. })
        | Diary::Pressed(Pressed { at_ns, .. })
        | Diary::Alert(Alert { at_ns, .. })
        | Diary::Aborted(Abort { at_ns, .. })
        | Diary::Stopping { at_ns, .. }
        | Diary::RunEnded { at_ns } => *at_ns,
    });
    last.max().unwrap_or(0) as f64 / 1e9
}

/// Reads a run folder and judges it, and writes nothing.
pub(super) fn read(folder: &Path) -> anyhow::Result<Rebuilt> {
    let run = Run::open(folder)?;
    let summary = metrics::summarize(&run.plan, &run)
        .with_context(|| format!("cannot read the records of `{}`", folder.display()))?;
    let verdict = verdict::judge(&run.plan, &summary);
    Ok(Rebuilt { run, summary, verdict, json: serde_json::Value::Null })
}

/// Reads a run folder, judges it and writes every file that follows from its records. The inner result is that of
/// writing: on a full disk there is still a verdict to show.
pub(super) fn rebuild(folder: &Path) -> anyhow::Result<(Rebuilt, anyhow::Result<()>)> {
    let mut rebuilt = read(folder)?;
    rebuilt.json = report::json(&rebuilt.report());
    let written = write(folder, &rebuilt);
    Ok((rebuilt, written))
}

fn write(folder: &Path, rebuilt: &Rebuilt) -> anyhow::Result<()> {
    let report = rebuilt.report();
    let wants = |format| report.plan.output.formats.contains(&format);
    store::replace(folder, "summary.json", pretty(&rebuilt.json)?.as_bytes())?;
    if wants(Format::Csv) {
        write_csv(folder, &rebuilt.run)?;
        if let Some(spikes) = report::spikes_csv(&rebuilt.summary) {
            store::replace(folder, "spikes.csv", spikes.as_bytes())?;
        }
    }
    if [Format::Html, Format::Png, Format::Svg].into_iter().any(wants) {
        let charts = report::charts(&report)?;
        for chart in &charts {
            if wants(Format::Png) {
                store::replace(folder, &format!("charts/{}.png", chart.name), &chart.png()?)?;
            }
            if wants(Format::Svg) {
                store::replace(folder, &format!("charts/{}.svg", chart.name), chart.svg.as_bytes())?;
            }
        }
        if wants(Format::Html) {
            store::replace(folder, "report.html", report::html(&report, &charts)?.as_bytes())?;
        }
    }
    Ok(())
}

fn write_csv(folder: &Path, run: &Run) -> anyhow::Result<()> {
    let gpu_memory = GpuMemory::read(run)?;
    store::replace_with(folder, "requests.csv", |out| {
        out.write_all(report::csv_header().as_bytes())?;
        let mut row = String::new();
        let mut failed = None;
        let endpoints = run.plan.endpoints.iter();
        let asked: HashMap<&str, _> =
            endpoints.map(|endpoint| (endpoint.name.as_str(), run.plan.objectives_of(endpoint))).collect();
        run.scan(&mut |record, chunks| {
            row.clear();
            let objectives = asked.get(record.endpoint.as_str()).copied().flatten();
            let met = metrics::objectives_met(objectives, record, &chunks.at_ns);
            report::csv_row(record, met, gpu_memory.around(record), &mut row);
            if failed.is_none() {
                failed = out.write_all(row.as_bytes()).err();
            }
        })?;
        failed.map_or(Ok(()), Err)
    })?;
    Ok(())
}

fn pretty(json: &serde_json::Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(json)? + "\n")
}

/// Writes the copy that `--json` asks for: the summary itself, or an array where several were asked for. `null` stands
/// for a scenario without a report, so that places in the array are those of the files.
pub(super) fn write_json(file: &Path, summaries: &[serde_json::Value]) -> anyhow::Result<()> {
    let text = match summaries {
        [one] => pretty(one)?,
        several => pretty(&serde_json::Value::Array(several.to_vec()))?,
    };
    std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}

/// Looks whether a path is a run folder at all.
///
/// # Errors
///
/// That it is none, with a line of help.
pub(super) fn look_for_run(folder: &Path) -> Result<(), String> {
    if folder.join("plan.json").is_file() {
        return Ok(());
    }
    let path = folder.display();
    let what = if folder.is_dir() {
        format!("`{path}` is a folder without a `plan.json`, and so no run")
    } else if folder.exists() {
        format!("`{path}` is a file, and a run is a folder")
    } else {
        format!("there is no folder `{path}`")
    };
    Err(format!("{what}\n  help: name a run folder, such as one of those in `results/runs/`"))
}

/// Looks before anything is done whether the copy that `--json` asks for can be written; what is there stays.
///
/// # Errors
///
/// Why it cannot.
pub(super) fn check_writable(file: &Path) -> anyhow::Result<()> {
    let new = !file.exists();
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .with_context(|| format!("cannot write `{}`", file.display()))?;
    if new {
        // an empty file would be taken for the summary of a run that was killed
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

/// `scenario report RUN…`: rebuilds every file of each run from its records and prints the report.
pub(super) fn report(arguments: &Arguments, terminal: Terminal) -> anyhow::Result<Exit> {
    for folder in &arguments.runs {
        if let Err(problem) = look_for_run(folder) {
            terminal::say(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
    }
    if let Some(file) = &arguments.json {
        check_writable(file)?;
    }
    let (mut summaries, mut cases) = (Vec::new(), Vec::new());
    for folder in &arguments.runs {
        let (mut rebuilt, written) = rebuild(folder)?;
        terminal::print(&if arguments.quiet {
            report::line(&rebuilt.report()).to_string()
        } else {
            report::terminal(&rebuilt.report(), terminal.style())
        });
        written?;
        summaries.push(rebuilt.json.take());
        if !rebuilt.run.plan.case.is_empty() {
            cases.push(rebuilt);
        }
    }
    let reports: Vec<_> = cases.iter().map(Rebuilt::report).collect();
    let table = report::cases(&reports, terminal.style());
    if !arguments.quiet && !table.is_empty() {
        terminal::print(&format!("\n{table}"));
    }
    if let Some(file) = &arguments.json {
        write_json(file, &summaries)?;
    }
    Ok(Exit::Pass)
}
