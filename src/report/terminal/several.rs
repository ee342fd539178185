//! Several scenarios, a line each.

use std::fmt;

use super::{Grid, Style, color_of_conclusion, shorten, width};
use crate::{
    config::Severity,
    report::{Report, words},
    verdict::{Conclusion, Grade},
};

/// One scenario among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The scenario's name, with its case.
    pub name: String,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// That in a word.
    pub word: &'static str,
    /// Share of targets met, in words; `None` where there is nothing to judge, since nothing was sent.
    pub grade: Option<Grade>,
    /// `2 of 5 targets met`; empty without a grade.
    pub targets: String,
    /// The target to look at first, with its value and limit; empty when nothing was judged.
    pub worst: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, word, grade, targets, worst, .. } = self;
        write!(f, "{name}: {word}")?;
        if let Some(grade) = grade {
            write!(f, ", grade {}, {targets}", words::grade(*grade))?;
        }
        if !worst.is_empty() {
            write!(f, "; {worst}")?;
        }
        Ok(())
    }
}

/// The report in one line.
pub fn line(report: &Report) -> Line {
    let verdict = report.verdict;
    let deciding = verdict.targets.iter().find(|target| target.severity == Severity::Fail);
    let worst = deciding.map(|target| {
        format!(
            "{} {}: {} {} ({}) in {}",
            words::sign(target.mark),
            target.name,
            target.metric,
            words::value(target.metric.metric, target.value),
            words::bound(target.metric, target.bound),
            target.scope
        )
    });
    let judged = words::has_verdict(report);
    let targets = words::targets_met(verdict.targets_met, verdict.total_targets);
    Line {
        name: report.plan.title(),
        conclusion: verdict.conclusion,
        word: words::verdict(report),
        grade: judged.then_some(verdict.grade),
        targets: if judged { targets } else { String::new() },
        worst: worst.unwrap_or_default(),
    }
}

/// A table with one row per scenario.
pub fn several(lines: &[Line], style: Style) -> String {
    let mut grid = Grid::new(&["", "", "", "", ""]);
    for line in lines {
        grid.row([
            line.word.to_owned(),
            line.name.clone(),
            line.grade.map(words::grade).unwrap_or_default().to_owned(),
            line.targets.clone(),
            line.worst.clone(),
        ]);
    }
    let mut out = String::new();
    for (line, text) in lines.iter().zip(grid.lines()) {
        let word = line.word;
        let rest = text.strip_prefix(word).unwrap_or(&text);
        let rest = shorten(rest.trim_end(), style.width.saturating_sub(width(word)));
        out += &style.paint(color_of_conclusion(line.conclusion), word);
        out += &rest;
        out.push('\n');
    }
    out
}
