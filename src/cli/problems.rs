//! What is wrong with scenario files, for programs: JSON for editors, annotations for GitHub.

use schemars::JsonSchema;
use serde::Serialize;

use super::{load::Examined, terminal};
use crate::{
    config::{Diagnostic, Kind, Label, Problems},
    plan::cases,
};

/// A problem of a scenario, as `check --format json` prints it. Lines and columns count from 1, columns in characters;
/// an end is the place right behind.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// The scenario file that was checked.
    scenario: String,
    /// The file to mend: the scenario, or one that it includes or names as its preset.
    file: String,
    /// Where in that file; null where the problem is in no file, but in a flag or a preset of the program.
    line: Option<u32>,
    /// Likewise.
    column: Option<u32>,
    /// The line on which it ends.
    end_line: Option<u32>,
    /// The column right behind it.
    end_column: Option<u32>,
    /// What it means for the run.
    severity: Severity,
    /// What kind of problem it is.
    code: Code,
    /// What is wrong, in one line.
    message: String,
    /// What to do about it.
    help: Option<String>,
    /// The places that matter, the problem's own first.
    labels: Vec<Mark>,
}

/// What a problem means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    /// There can be none.
    Error,
    /// There can be one.
    Warning,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Code {
    /// The text is no TOML here.
    Syntax,
    /// A whole file cannot be read.
    Unreadable,
    /// Something that is there is wrong.
    Wrong,
    /// Something that is named or needed is not there.
    Missing,
    /// The plan will not answer what was asked, or not as it seems.
    Plan,
}

impl From<Kind> for Code {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Syntax => Self::Syntax,
            Kind::Unread => Self::Unreadable,
            Kind::Wrong => Self::Wrong,
            Kind::Missing => Self::Missing,
        }
    }
}

/// A labelled place of a problem, the problem's own first.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Mark {
    /// The file, flag or preset that the place is in.
    file: String,
    /// The line in it.
    line: u32,
    /// The column.
    column: u32,
    /// The line on which it ends.
    end_line: u32,
    /// The column right behind it.
    end_column: u32,
    /// What is to be seen there.
    text: String,
}

impl From<&Label> for Mark {
    fn from(label: &Label) -> Self {
        Self {
            file: label.source().to_owned(),
            line: label.line(),
            column: label.column(),
            end_line: label.end_line(),
            end_column: label.end_column(),
            text: label.text().to_owned(),
        }
    }
}

/// Every problem of every file, and the planner's warnings, in order.
pub(super) fn list(examined: &[Examined]) -> Vec<Problem> {
    let mut list = Vec::new();
    for Examined { file, plans, missing } in examined {
        let file = file.display().to_string();
        match plans {
            Ok(plans) => {
                list.extend(cases::warnings(plans).iter().map(|warning| Problem::warning(&file, warning)));
                list.extend(missing.iter().map(|problem| Problem::missing(&file, problem)));
            }
            Err(problems) => list.extend(of(&file, problems)),
        }
    }
    list
}

/// What is wrong with a scenario, in the order of its text.
pub fn of(scenario: &str, problems: &Problems) -> impl Iterator<Item = Problem> {
    problems.iter().map(move |problem| Problem::error(scenario, problem))
}

/// Says every problem to GitHub, where this runs as a step of a workflow there.
pub(super) fn annotate(examined: &[Examined]) {
    if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") {
        for problem in list(examined) {
            terminal::say(&problem.annotation());
        }
    }
}

impl Problem {
    /// Something that a run would not find, where it is named.
    fn missing(scenario: &str, problem: &Diagnostic) -> Self {
        Self { severity: Severity::Warning, code: Code::Missing, ..Self::error(scenario, problem) }
    }

    fn error(scenario: &str, problem: &Diagnostic) -> Self {
        let here = problem.labels().first().filter(|label| label.file().is_some());
        Self {
            scenario: scenario.to_owned(),
            file: here.and_then(Label::file).unwrap_or(scenario).to_owned(),
            line: here.map(Label::line),
            column: here.map(Label::column),
            end_line: here.map(Label::end_line),
            end_column: here.map(Label::end_column),
            severity: Severity::Error,
            code: problem.kind().into(),
            message: problem.message().to_owned(),
            help: problem.advice().map(str::to_owned),
            labels: problem.labels().iter().map(Mark::from).collect(),
        }
    }

    /// A warning of the planner, which is about the plan as a whole and has its help behind the message.
    fn warning(scenario: &str, warning: &str) -> Self {
        let (message, help) = match warning.split_once("\nhelp: ") {
            Some((message, help)) => (message, Some(help.to_owned())),
            None => (warning, None),
        };
        Self {
            scenario: scenario.to_owned(),
            file: scenario.to_owned(),
            line: None,
            column: None,
            end_line: None,
            end_column: None,
            severity: Severity::Warning,
            code: Code::Plan,
            message: message.to_owned(),
            help,
            labels: Vec::new(),
        }
    }

    /// A workflow command of GitHub, in one line: `::error file=…,line=…,col=…::message`.
    fn annotation(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let file = escape_property(&self.file);
        let number = |name: &str, number: Option<u32>| {
            number.map(|number| format!(",{name}={number}")).unwrap_or_default()
        };
        let at = number("line", self.line) + &number("col", self.column);
        let place = self.labels.first().filter(|_| self.line.is_none());
        let place = place.map(|label| format!(" (in {})", label.file)).unwrap_or_default();
        let help = self.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let text = escape_data(&format!("{}{place}{help}", self.message));
        format!("::{severity} file={file}{at}::{text}")
    }
}

/// The text behind the second `::`: all of it is one line.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which ends at a `,` or `:`.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_escaped() {
        let mut problem = Problem::warning("a,b:c%.toml", "5% is: a, b\r\nmore\nhelp: write `x`");
        assert_eq!(
            problem.annotation(),
            "::warning file=a%2Cb%3Ac%25.toml::5%25 is: a, b%0D%0Amore%0Ahelp: write `x`"
        );
        problem.severity = Severity::Error;
        (problem.file, problem.message, problem.help) = ("x.toml".to_owned(), "wrong".to_owned(), None);
        (problem.line, problem.column) = (Some(3), Some(7));
        assert_eq!(problem.annotation(), "::error file=x.toml,line=3,col=7::wrong");
    }

    #[test]
    fn what_lies_in_a_flag_says_so() {
        let mut problem = Problem::warning("x.toml", "wrong\nhelp: another");
        let (file, text) = ("--set".to_owned(), "here".to_owned());
        problem.labels.push(Mark { file, line: 1, column: 5, end_line: 1, end_column: 6, text });
        assert_eq!(problem.annotation(), "::warning file=x.toml::wrong (in --set)%0Ahelp: another");
    }
}
