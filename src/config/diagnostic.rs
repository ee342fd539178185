//! What is wrong with a scenario: each problem with its places, what was expected, and one line of help.

use std::{
    cell::{Ref, RefCell},
    fmt,
};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::{Layer, excerpt::Excerpt, presets, source::Place};

/// Columns that rendered problems may take.
const WIDTH: usize = 100;

/// Problems that are shown; whoever has more is helped by the first.
const MOST_SHOWN: usize = 100;

/// Syntax problems that are shown one by one.
const MOST_SYNTAX: usize = 8;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    help: Option<String>,
    labels: Vec<Label>,
    kind: Kind,
}

/// A labelled place of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    place: Place,
    text: String,
}

/// What a problem rests on, which decides whether it can be believed beside a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text cannot be read here.
    Syntax,
    /// A whole file cannot be read.
    Unread,
    /// Something that is there is wrong.
    Wrong,
    /// Something is not there; it may stand where the text cannot be read.
    Missing,
}

impl Diagnostic {
    /// Something that is there is wrong. Labels follow; the first is where the problem is.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, labels: Vec::new(), kind: Kind::Wrong }
    }

    /// Something is not there.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { kind: Kind::Missing, ..Self::new(message) }
    }

    /// The text cannot be read.
    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self { kind: Kind::Syntax, ..Self::new(message) }
    }

    /// A whole file cannot be read.
    pub(super) fn unread(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unread, ..Self::new(message) }
    }

    pub(super) fn label(mut self, place: &Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.clone(), text: text.into() });
        self
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says on which platform it is one.
    pub(super) fn on_platform(self, name: &str) -> Self {
        Self { message: format!("{} on platform `{name}`", self.message), ..self }
    }

    /// Says in how many of all cases it is one, and names the first.
    pub(super) fn in_cases(self, first: &str, count: usize, all: usize) -> Self {
        let cases = match count {
            1 => format!("case `{first}`"),
            _ => format!("{count} of {all} cases, such as `{first}`"),
        };
        Self { message: format!("{} in {cases}", self.message), ..self }
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// What it rests on.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is, then the other places that matter.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The place itself rather than its label.
    pub(super) fn place(&self) -> Option<&Place> {
        self.labels.first().map(|label| &label.place)
    }

    /// Whether it lies in a layer.
    pub(super) fn is_in(&self, layer: Layer) -> bool {
        self.place().is_some_and(|place| place.source.layer == layer)
    }

    /// Whether it is about a text that could not be read, so that nobody knows what it says.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self.kind, Kind::Syntax | Kind::Unread)
    }

    /// Problems of the scenario's own file come before those of included ones, flags and presets, and in the order
    /// of the text.
    fn order(&self, file: &str) -> (u8, &str, usize) {
        let Some(place) = self.place() else { return (0, "", 0) };
        let name = place.source.name.as_str();
        let rank = match place.source.layer {
            Layer::Scenario => 0,
            Layer::Platform | Layer::Matrix if name == file => 0,
            Layer::Include | Layer::Platform | Layer::Matrix => 1,
            Layer::Set => 2,
            Layer::Preset => 3,
            Layer::BuiltIn => 4,
        };
        (rank, name, place.span.start)
    }
}

impl Label {
    /// The file, preset or flag.
    pub fn source(&self) -> &str {
        &self.place.source.name
    }

    /// The file that it is in; `None` in a flag and in a preset that is part of the program.
    pub fn file(&self) -> Option<&str> {
        let is_file = match self.place.source.layer {
            Layer::BuiltIn | Layer::Set => false,
            Layer::Preset => !presets::is_embedded(self.source()),
            Layer::Scenario | Layer::Include | Layer::Platform | Layer::Matrix => true,
        };
        is_file.then(|| self.source())
    }

    /// From 1.
    pub fn line(&self) -> u32 {
        self.place.line()
    }

    /// In characters, from 1.
    pub fn column(&self) -> u32 {
        self.place.column()
    }

    /// The line on which it ends, from 1.
    pub fn end_line(&self) -> u32 {
        self.place.end().line()
    }

    /// The column right behind it, in characters, from 1.
    pub fn end_column(&self) -> u32 {
        self.place.end().column()
    }

    /// What is to be seen there.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.labels.first() {
            write!(f, "{}:{}:{}: ", label.source(), label.line(), label.column())?;
        }
        f.write_str(&self.message)
    }
}

/// Where the passes leave the problems that they find.
#[derive(Debug, Default)]
pub(super) struct Sink {
    found: RefCell<Vec<Diagnostic>>,
    /// Places that the parser stumbled over, whether or not that is a problem of its own.
    unreadable: RefCell<Vec<Place>>,
}

impl Sink {
    /// Keeps a problem, once. A value that is wrong is one mistake, wherever it is used: a default that cannot be
    /// read is not reported again for everything that takes it.
    pub(super) fn push(&self, problem: Diagnostic) {
        let mut found = self.found.borrow_mut();
        let known = match problem.kind {
            Kind::Wrong => {
                found.iter().any(|other| other.kind == Kind::Wrong && other.place() == problem.place())
            }
            Kind::Syntax | Kind::Unread | Kind::Missing => found.contains(&problem),
        };
        if !known {
            found.push(problem);
        }
    }

    /// Notes that a place could not be read.
    pub(super) fn unreadable(&self, place: Place) {
        self.unreadable.borrow_mut().push(place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub(super) fn contains(&self, problem: &Diagnostic) -> bool {
        self.found.borrow().contains(problem)
    }

    /// Everything found so far, in no order.
    pub(super) fn problems(&self) -> Ref<'_, Vec<Diagnostic>> {
        self.found.borrow()
    }

    /// Everything found, in no order.
    pub(super) fn into_vec(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }

    /// Everything found in a file and around it that can be believed: on lines that could not be read nothing else is
    /// wrong for certain, and what is missing may stand there, or in a file that could not be read.
    pub(super) fn into_problems(self, file: &str) -> Problems {
        let mut list = self.found.into_inner();
        let mut unreadable = self.unreadable.into_inner();
        let syntax = list.iter().filter(|problem| problem.kind == Kind::Syntax);
        unreadable.extend(syntax.filter_map(|problem| problem.place().cloned()));
        let lines: Vec<(&Place, (u32, u32))> = unreadable.iter().map(|bad| (bad, bad.lines())).collect();
        let unread = list.iter().any(|problem| problem.kind == Kind::Unread);
        let believed = |problem: &Diagnostic| {
            let Some(place) = problem.place() else { return true };
            match problem.kind {
                Kind::Syntax | Kind::Unread => true,
                // a flag holds one value, so nothing else can stand in it
                Kind::Missing => !unread && unreadable.iter().all(|bad| bad.source.layer == Layer::Set),
                Kind::Wrong => {
                    let line = place.line();
                    let hit = |(bad, (from, to)): &(&Place, (u32, u32))| {
                        (*from..=*to).contains(&line) && bad.shares_text(place)
                    };
                    !lines.iter().any(hit)
                }
            }
        };
        list.retain(believed);
        list.sort_by(|one, other| one.order(file).cmp(&other.order(file)));
        shorten(&mut list);
        Problems { list }
    }
}

/// Keeps the first syntax problems, and says of the others how many there are: a text that is no TOML at all has one
/// on every line.
fn shorten(list: &mut Vec<Diagnostic>) {
    let syntax = |problem: &&mut Diagnostic| problem.kind == Kind::Syntax;
    let more = list.iter_mut().filter(syntax).count().saturating_sub(MOST_SYNTAX);
    let Some(next) = list.iter_mut().filter(syntax).nth(MOST_SYNTAX) else { return };
    let places = if more == 1 { "place is" } else { "places are" };
    let mut rest = Diagnostic::syntax(format!("{more} more {places} not valid TOML"));
    if let Some(place) = next.place() {
        rest = rest.label(place, "the next one");
    }
    *next = rest.help(
        "is this a scenario? one begins with `version = 1`, and a line is `key = value` or a `[table]`",
    );
    let mut seen = 0;
    list.retain(|problem| {
        seen += usize::from(problem.kind == Kind::Syntax);
        problem.kind != Kind::Syntax || seen <= MOST_SYNTAX + 1
    });
}

/// Everything that is wrong with a scenario, in the order of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Diagnostic>,
}

impl Problems {
    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none; [`load`](super::load) never returns that.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Each with its lines of text, carets and help, for a terminal of 100 columns; of very many the first.
    pub fn render(&self, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(WIDTH)
            .with_links(false)
            .with_show_related_as_nested(true);
        let mut out = String::new();
        for (index, problem) in self.list.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                out.push('\n');
            }
            // writing to a `String` cannot fail
            let _ = handler.render_report(&mut out, &Shown::new(problem));
        }
        let more = self.list.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            out.extend(["\n  and ", &crate::units::show_count(more as u64), " more\n"]);
        }
        out
    }
}

/// Problems that were told apart, in their order.
impl FromIterator<Diagnostic> for Problems {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(problems: I) -> Self {
        Self { list: problems.into_iter().collect() }
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A problem as `miette` takes it: one source each, and all lines between its labels are shown, so places in other
/// sources and far away become related notes.
#[derive(Debug)]
struct Shown {
    message: String,
    help: Option<String>,
    severity: miette::Severity,
    source: Option<Excerpt>,
    labels: Vec<LabeledSpan>,
    notes: Vec<Shown>,
}

impl Shown {
    fn new(problem: &Diagnostic) -> Self {
        let mut shown = Self {
            message: problem.message.clone(),
            help: problem.help.clone(),
            severity: miette::Severity::Error,
            source: None,
            labels: Vec::new(),
            notes: Vec::new(),
        };
        let Some(home) = problem.place() else { return shown };
        let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
            problem.labels.iter().partition(|label| label.place.is_near(home));
        let spans: Vec<_> = here.iter().map(|label| label.place.span.clone()).collect();
        let (excerpt, spans) = Excerpt::new(&home.source.name, &home.source.text, &spans);
        shown.source = Some(excerpt);
        let labelled = here.iter().zip(spans);
        shown
            .labels
            .extend(labelled.map(|(label, span)| LabeledSpan::new_with_span(Some(label.text.clone()), span)));
        shown.notes.extend(elsewhere.into_iter().map(Self::note));
        shown
    }

    fn note(label: &Label) -> Self {
        let Place { source, span } = &label.place;
        let (excerpt, spans) = Excerpt::new(&source.name, &source.text, std::slice::from_ref(span));
        let here = |span| LabeledSpan::new_with_span(Some("here".to_owned()), span);
        Self {
            message: label.text.clone(),
            help: None,
            severity: miette::Severity::Advice,
            source: Some(excerpt),
            labels: spans.into_iter().map(here).collect(),
            notes: Vec::new(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl miette::Diagnostic for Shown {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.notes.iter().map(|note| note as &dyn miette::Diagnostic)))
    }
}
