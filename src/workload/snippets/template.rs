//! Templates of code: how they are written, and what fills their holes.
//!
//! A template file reads as the code that it makes. `== PURPOSE` begins a template; of every other line the first three
//! columns say what the rest is:
//!
//! ```text
//! +   what the code imports: a module and a name from it, or a module
//!     a line that is always there
//! ?   a statement that may be left out, and a comment may stand before it
//! :   anything else that may be left out
//! |   goes on with the line before
//! .   an empty line, which goes on as well; a piece that begins with one begins with `:.`
//! ```
//!
//! A `t` in the second column, and «guillemets» within a line, hold what is there only where the language has types.
//! `@` begins a hole, `@@` stands for itself. Whatever is left out, what remains is well formed: it uses nothing that an
//! optional piece declares.

use std::sync::LazyLock;

use rand::{Rng, RngExt};

use super::names::{LIMITS, NUMBERS, Name, Purpose, TEXTS, camel, pascal, snake};

/// A piece of a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Hole(Hole),
    /// From here to the end only where there are types.
    Types,
    EndOfTypes,
}

/// What fills a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hole {
    /// The name of the function, in the style of its language.
    Main,
    /// The same as that of a class or a component.
    MainType,
    /// The same as that of a constant.
    MainConstant,
    Item,
    ItemType,
    Items,
    ItemsType,
    State,
    Number,
    NumberType,
    /// Another number than that.
    Figure,
    Text,
    TextType,
    /// Another text than that.
    Mark,
    Stamp,
    Limit,
    Few,
}

/// Every hole by its name; of several that fit the longest.
const HOLES: [(&str, Hole); 17] = [
    ("main", Hole::Main),
    ("Main", Hole::MainType),
    ("MAIN", Hole::MainConstant),
    ("items", Hole::Items),
    ("Items", Hole::ItemsType),
    ("item", Hole::Item),
    ("Item", Hole::ItemType),
    ("state", Hole::State),
    ("number", Hole::Number),
    ("Number", Hole::NumberType),
    ("figure", Hole::Figure),
    ("text", Hole::Text),
    ("Text", Hole::TextType),
    ("mark", Hole::Mark),
    ("stamp", Hole::Stamp),
    ("limit", Hole::Limit),
    ("few", Hole::Few),
];

/// Text with holes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holed(Vec<Segment>);

impl Holed {
    /// Reads text as it stands in a template; `None` for a hole that does not exist.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['@', '«', '»']) {
            segments.push(Segment::Text(rest[..at].to_owned()));
            rest = &rest[at..];
            let (segment, read) = if rest.starts_with('«') {
                (Segment::Types, "«".len())
            } else if rest.starts_with('»') {
                (Segment::EndOfTypes, "»".len())
            } else if rest.starts_with("@@") {
                (Segment::Text("@".to_owned()), "@@".len())
            } else {
                let (name, hole) = HOLES.iter().find(|(name, _)| rest[1..].starts_with(name))?;
                (Segment::Hole(*hole), 1 + name.len())
            };
            segments.push(segment);
            rest = &rest[read..];
        }
        segments.push(Segment::Text(rest.to_owned()));
        Some(Self(segments))
    }

    /// The text with its holes filled.
    pub(super) fn fill(&self, words: &Words, typed: bool) -> String {
        let mut out = String::new();
        let mut shown = true;
        for segment in &self.0 {
            match segment {
                Segment::Types => shown = typed,
                Segment::EndOfTypes => shown = true,
                Segment::Text(text) if shown => out.push_str(text),
                Segment::Hole(hole) if shown => words.write(*hole, &mut out),
                Segment::Text(_) | Segment::Hole(_) => {}
            }
        }
        out
    }
}

/// What of a template is there when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Always.
    Required,
    /// A statement that may be left out. Comments stand before such.
    Statement,
    /// Anything else that may be left out.
    Fragment,
}

/// Lines that stand or fall together.
#[derive(Debug)]
pub(super) struct Piece {
    /// Whether they can be left out.
    pub(super) presence: Presence,
    /// How many spaces the first line begins with.
    pub(super) indent: usize,
    /// They, each with its line break.
    pub(super) lines: Holed,
}

/// Something that is imported.
#[derive(Debug)]
pub(super) struct Import {
    /// Only for its type.
    pub(super) typed: bool,
    /// Where from.
    pub(super) module: Holed,
    /// What; the module itself where that is not said.
    pub(super) name: Option<Holed>,
}

/// Code with holes.
#[derive(Debug)]
pub(super) struct Template {
    /// What it is for; `None` for a constant.
    pub(super) purpose: Option<Purpose>,
    /// What it uses.
    pub(super) imports: Vec<Import>,
    /// What it consists of.
    pub(super) pieces: Vec<Piece>,
}

/// Reads a file of templates; `None` where it is none.
pub(super) fn read(text: &str) -> Option<Vec<Template>> {
    text.strip_prefix("== ")?.split("\n== ").map(read_one).collect()
}

fn read_one(text: &str) -> Option<Template> {
    let (title, body) = text.split_once('\n')?;
    let purpose = match title {
        "fetch" => Some(Purpose::Fetch),
        "total" => Some(Purpose::Total),
        "group" => Some(Purpose::Group),
        "select" => Some(Purpose::Select),
        "convert" => Some(Purpose::Convert),
        "check" => Some(Purpose::Check),
        "save" => Some(Purpose::Save),
        "list" => Some(Purpose::List),
        "form" => Some(Purpose::Form),
        "panel" => Some(Purpose::Panel),
        "control" => Some(Purpose::Control),
        "hook" => Some(Purpose::Hook),
        "constant" => None,
        _ => return None,
    };
    let (mut imports, mut pieces) = (Vec::new(), Vec::<(Presence, usize, String)>::new());
    for line in body.lines().filter(|line| !line.is_empty()) {
        let content = line.get(3..).unwrap_or_default();
        let typed = line.as_bytes().get(1) == Some(&b't');
        let presence = match line.as_bytes()[0] {
            b'+' => {
                let (module, name) = match content.rsplit_once(' ') {
                    Some((module, name)) => (module, Some(Holed::read(name)?)),
                    None => (content, None),
                };
                imports.push(Import { typed, module: Holed::read(module)?, name });
                continue;
            }
            b' ' => Some(Presence::Required),
            b'?' => Some(Presence::Statement),
            b':' => Some(Presence::Fragment),
            b'|' | b'.' => None,
            _ => return None,
        };
        if let Some(presence) = presence {
            let indent = content.len() - content.trim_start().len();
            pieces.push((presence, indent, String::new()));
        }
        let (_, _, lines) = pieces.last_mut()?;
        lines.extend(if typed { ["«", content, "\n", "»"] } else { ["", content, "\n", ""] });
    }
    let pieces = pieces
        .into_iter()
        .map(|(presence, indent, lines)| Some(Piece { presence, indent, lines: Holed::read(&lines)? }));
    Some(Template { purpose, imports, pieces: pieces.collect::<Option<_>>()? })
}

/// Comments by their number of words, from one on.
pub(super) fn comments() -> &'static [Vec<Holed>] {
    static COMMENTS: LazyLock<Vec<Vec<Holed>>> = LazyLock::new(|| {
        let mut by_words: Vec<Vec<Holed>> = Vec::new();
        for line in include_str!("comments.txt").lines() {
            let words = line.split(' ').count();
            by_words.resize_with(by_words.len().max(words), Vec::new);
            by_words[words - 1].push(Holed::read(line).expect("the comments are part of the program"));
        }
        by_words
    });
    &COMMENTS
}

/// Parts of names of points in time.
const STAMPS: [[&str; 2]; 4] = [["created", "at"], ["updated", "at"], ["expires", "at"], ["started", "at"]];

/// What fills the holes of one function, component or constant.
#[derive(Debug)]
pub(super) struct Words {
    /// Of its name.
    main: Vec<&'static str>,
    name: Name,
    /// Whether names are written `like_this`.
    snake: bool,
    number: &'static str,
    figure: &'static str,
    text: &'static str,
    mark: &'static str,
    stamp: [&'static str; 2],
    limit: &'static str,
    few: u32,
}

impl Words {
    /// Draws what the name leaves open.
    pub(super) fn draw(name: Name, main: Vec<&'static str>, snake: bool, rng: &mut impl Rng) -> Self {
        let [number, figure] = two_of(&NUMBERS, rng);
        let [text, mark] = two_of(&TEXTS, rng);
        Self {
            main,
            name,
            snake,
            number,
            figure,
            text,
            mark,
            stamp: STAMPS[rng.random_range(0..STAMPS.len())],
            limit: LIMITS[rng.random_range(0..LIMITS.len())],
            few: rng.random_range(2..=6),
        }
    }

    fn write(&self, hole: Hole, out: &mut String) {
        match hole {
            Hole::Main if self.snake => snake(&self.main, out),
            Hole::Main => camel(&self.main, out),
            Hole::MainType => pascal(&self.main, out),
            Hole::MainConstant => {
                let from = out.len();
                snake(&self.main, out);
                out[from..].make_ascii_uppercase();
            }
            Hole::Item => out.push_str(self.name.one()),
            Hole::ItemType => pascal(&[self.name.one()], out),
            Hole::Items => out.push_str(self.name.many()),
            Hole::ItemsType => pascal(&[self.name.many()], out),
            Hole::State => out.push_str(self.name.state),
            Hole::Number => out.push_str(self.number),
            Hole::NumberType => pascal(&[self.number], out),
            Hole::Figure => out.push_str(self.figure),
            Hole::Text => out.push_str(self.text),
            Hole::TextType => pascal(&[self.text], out),
            Hole::Mark => out.push_str(self.mark),
            Hole::Stamp if self.snake => snake(&self.stamp, out),
            Hole::Stamp => camel(&self.stamp, out),
            Hole::Limit => out.push_str(self.limit),
            Hole::Few => out.push_str(&self.few.to_string()),
        }
    }
}

/// Two different ones of a list.
fn two_of(list: &[&'static str], rng: &mut impl Rng) -> [&'static str; 2] {
    let one = rng.random_range(0..list.len());
    let other = (one + rng.random_range(1..list.len())) % list.len();
    [list[one], list[other]]
}
