//! One file of code: what is in it, and that it is exactly as long as asked.

use std::{collections::BTreeMap, iter};

use rand::{Rng, RngExt};

use super::{
    super::estimate_tokens,
    language::Flavour,
    names::{Name, Purpose, SHORT_NAMES},
    template::{Presence, Template, Words, comments},
};

/// How often a statement that may be left out is there while there is room.
const OFTEN: f64 = 0.75;

/// How often a function has a comment beside those of its template.
const SOMETIMES: f64 = 0.4;

/// How many functions are looked at before none is taken to fit.
const LOOKS: usize = 3;

/// A file in the making.
pub(super) struct File {
    flavour: Flavour,
    /// The comment that names it.
    title: String,
    /// The names that are imported from each module.
    imports: BTreeMap<Module, Vec<String>>,
    constants: Vec<Unit>,
    functions: Vec<Unit>,
    room: Room,
    /// The number that the last name spells.
    number: u64,
    /// What leads from one such number to the next.
    stride: u64,
}

/// Tokens that are still to be written. From the first function on they are none, or enough for a comment, so that a
/// comment can end the file at the exact length.
#[derive(Debug, Clone, Copy)]
struct Room {
    left: u32,
    /// Tokens that begin a comment.
    lead: u32,
}

impl Room {
    fn fits(self, tokens: u32) -> bool {
        self.left.checked_sub(tokens).is_some_and(|left| left == 0 || left > self.lead)
    }

    fn take(&mut self, tokens: u32) {
        self.left = self.left.saturating_sub(tokens);
    }
}

/// A module, in the order in which they are imported: packages first, then files of one's own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Module {
    own: bool,
    path: String,
}

impl Module {
    fn new(path: String) -> Self {
        Self { own: path.contains("./"), path }
    }
}

/// A function, a component or a constant.
struct Unit {
    words: Words,
    pieces: Vec<Piece>,
}

/// A piece of a template with its holes filled.
struct Piece {
    presence: Presence,
    taken: bool,
    lines: String,
    tokens: u32,
    indent: usize,
    /// Comments before it.
    comments: Vec<String>,
}

/// A unit, and what it would bring along.
struct Proposal {
    unit: Unit,
    /// What the file does not import yet.
    imports: Vec<(Module, Option<String>)>,
    tokens: u32,
}

impl Unit {
    fn new(template: &Template, words: Words, typed: bool) -> Self {
        let pieces = template.pieces.iter().map(|piece| {
            let lines = piece.lines.fill(&words, typed);
            Piece {
                presence: piece.presence,
                taken: piece.presence == Presence::Required,
                tokens: estimate_tokens(&lines),
                lines,
                indent: piece.indent,
                comments: Vec::new(),
            }
        });
        let pieces = pieces.collect();
        Self { words, pieces }
    }

    /// Tokens of what is there.
    fn tokens(&self) -> u32 {
        self.pieces.iter().filter(|piece| piece.taken).map(|piece| piece.tokens).sum()
    }

    /// Adds what was left out, as often as said and while there is room.
    fn decorate(&mut self, room: &mut Room, mut often: impl FnMut() -> bool) {
        for piece in &mut self.pieces {
            if !piece.taken && room.fits(piece.tokens) && often() {
                piece.taken = true;
                room.take(piece.tokens);
            }
        }
    }

    /// Puts a comment of so many words before one of its statements, or before all of it.
    fn comment(&mut self, words: usize, rng: &mut impl Rng) {
        let choices = &comments()[words - 1];
        let text = choices[rng.random_range(0..choices.len())].fill(&self.words, false);
        let places: Vec<usize> = (0..self.pieces.len())
            .filter(|at| *at == 0 || self.pieces[*at].presence == Presence::Statement)
            .collect();
        self.pieces[places[rng.random_range(0..places.len())]].comments.push(text);
    }

    fn write(&self, comment: &str, out: &mut String) {
        for piece in &self.pieces {
            for text in &piece.comments {
                out.extend(iter::repeat_n(' ', piece.indent));
                out.extend([comment, " ", text, "\n"]);
            }
            if piece.taken {
                out.push_str(&piece.lines);
            }
        }
    }
}

impl File {
    /// Fills a file of so many tokens, whose first function has the name of a request and its place in a batch.
    pub(super) fn new(flavour: Flavour, seq: u64, place: u32, length: u32, rng: &mut impl Rng) -> Self {
        let name = Name::spell(seq, place);
        let title = format!("{} {}\n", flavour.comment(), flavour.file(&flavour.role(&name).1));
        let mut room = Room { left: length, lead: estimate_tokens(flavour.comment()) };
        room.take(estimate_tokens(&title));
        let mut file = Self {
            flavour,
            title,
            imports: BTreeMap::new(),
            constants: Vec::new(),
            functions: Vec::new(),
            room,
            number: seq % SHORT_NAMES,
            // the numbers are a power of two, so an odd stride meets all others before it comes back
            stride: rng.random_range(0..SHORT_NAMES / 2) * 2 + 1,
        };
        let mut first = file.propose_function(&name, rng);
        if !file.room.fits(first.tokens) {
            first = file.propose_shortest(&name, rng);
        }
        file.take_function(first, rng);
        file.add_functions(rng);
        file.add_constants(rng);
        file.pad(rng);
        file
    }

    /// Adds functions until the next would be too long, then whatever was left out and still fits.
    fn add_functions(&mut self, rng: &mut impl Rng) {
        let mut looks = 0;
        while looks < LOOKS {
            let name = self.next_name();
            let next = self.propose_function(&name, rng);
            if self.room.fits(next.tokens) {
                self.take_function(next, rng);
                looks = 0;
            } else {
                looks += 1;
            }
        }
        for unit in &mut self.functions {
            unit.decorate(&mut self.room, || true);
        }
    }

    fn add_constants(&mut self, rng: &mut impl Rng) {
        loop {
            let name = self.next_name();
            let templates = self.templates(None);
            let next = self.propose(one_of(&templates, rng), &name, rng);
            if !self.room.fits(next.tokens) {
                break;
            }
            let mut unit = self.take(next);
            unit.decorate(&mut self.room, || rng.random_bool(OFTEN));
            self.constants.push(unit);
        }
    }

    /// Spends the rest on comments.
    fn pad(&mut self, rng: &mut impl Rng) {
        while self.room.left > self.room.lead {
            let mut words = (self.room.left - self.room.lead).min(comments().len() as u32);
            if !self.room.fits(words + self.room.lead) {
                words -= self.room.lead;
            }
            self.room.take(words + self.room.lead);
            let unit = rng.random_range(0..self.functions.len());
            self.functions[unit].comment(words as usize, rng);
        }
    }

    fn take_function(&mut self, proposal: Proposal, rng: &mut impl Rng) {
        let mut unit = self.take(proposal);
        unit.decorate(&mut self.room, || rng.random_bool(OFTEN));
        let words = rng.random_range(1..=comments().len());
        let tokens = words as u32 + self.room.lead;
        if rng.random_bool(SOMETIMES) && self.room.fits(tokens) {
            self.room.take(tokens);
            unit.comment(words, rng);
        }
        self.functions.push(unit);
    }

    fn take(&mut self, Proposal { unit, imports, tokens }: Proposal) -> Unit {
        self.room.take(tokens);
        for (module, name) in imports {
            self.imports.entry(module).or_default().extend(name);
        }
        unit
    }

    fn templates(&self, purpose: Option<Purpose>) -> Vec<&'static Template> {
        self.flavour.templates().iter().filter(|template| template.purpose == purpose).collect()
    }

    /// A function of this name.
    fn propose_function(&self, name: &Name, rng: &mut impl Rng) -> Proposal {
        let templates = self.templates(Some(self.flavour.role(name).0));
        self.propose(one_of(&templates, rng), name, rng)
    }

    /// The shortest function of this name.
    fn propose_shortest(&self, name: &Name, rng: &mut impl Rng) -> Proposal {
        let templates = self.templates(Some(self.flavour.role(name).0));
        let proposals = templates.into_iter().map(|template| self.propose(template, name, rng));
        proposals.min_by_key(|proposal| proposal.tokens).expect("there are templates for every purpose")
    }

    fn propose(&self, template: &Template, name: &Name, rng: &mut impl Rng) -> Proposal {
        let Self { flavour, .. } = self;
        let words = Words::draw(name.clone(), flavour.role(name).1, flavour.is_snake(), rng);
        let mut tokens = 0;
        let mut imports: Vec<(Module, Option<String>)> = Vec::new();
        for import in template.imports.iter().filter(|import| flavour.typed || !import.typed) {
            let module = Module::new(import.module.fill(&words, flavour.typed));
            let name = import.name.as_ref().map(|name| name.fill(&words, flavour.typed));
            let known = self.imports.get(&module);
            let beside = imports.iter().any(|(other, _)| *other == module);
            match (&name, known) {
                (None, Some(_)) => continue,
                (Some(name), Some(names)) if names.contains(name) => continue,
                (Some(name), _) if known.is_some() || beside => {
                    tokens += estimate_tokens(&format!(", {name}"));
                }
                _ => tokens += estimate_tokens(&flavour.import(&module.path, name.as_slice())),
            }
            imports.push((module, name));
        }
        let unit = Unit::new(template, words, flavour.typed);
        Proposal { tokens: tokens + unit.tokens(), unit, imports }
    }

    fn next_name(&mut self) -> Name {
        self.number = (self.number + self.stride) % SHORT_NAMES;
        Name::spell(self.number, 0)
    }

    /// The text.
    pub(super) fn write(&self) -> String {
        let mut text = self.title.clone();
        for (module, names) in &self.imports {
            text.push_str(&self.flavour.import(&module.path, names));
        }
        for unit in &self.constants {
            text.push('\n');
            unit.write(self.flavour.comment(), &mut text);
        }
        for unit in &self.functions {
            text.push_str(self.flavour.gap());
            unit.write(self.flavour.comment(), &mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn one_of<'a, T>(list: &'a [&'a T], rng: &mut impl Rng) -> &'a T {
    list[rng.random_range(0..list.len())]
}
