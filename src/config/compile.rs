//! The passes, in order: texts to trees, the choice of the platform, layers, and what is made of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Axis, Input, Layer, Origin, Problems, Scenario, case_name,
    diagnostic::{Diagnostic, Sink},
    layers::{Layers, root_table},
    places::Places,
    platform::{self, Asked},
    presets::Library,
    read, resolved,
    source::{Place, Source},
    substitute::{Env, substitute},
    tree::{Node, Value},
};
use crate::machine::Machine;

/// Compiles a scenario with the given presets and what was wrong with them, and with the one that it names by its path.
pub(super) fn compile(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: (Library, Sink),
) -> Result<Vec<Scenario>, Problems> {
    let mut scenarios = Vec::new();
    each_case(input, machine, env, read, presets, &mut |scenario, _, _| scenarios.push(scenario))?;
    Ok(scenarios)
}

/// The same cases as texts that read back to them.
pub(super) fn resolve(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: (Library, Sink),
) -> Result<Vec<String>, Problems> {
    let mut texts = Vec::new();
    let mut write = |scenario, root, below_flags| texts.push(resolved::text(&scenario, root, below_flags));
    each_case(input, machine, env, read, presets, &mut write)?;
    Ok(texts)
}

/// Compiles every case of a scenario, and hands it on with the tree that it was read from, and with what that permits
/// without flags where they permit more. Where there are problems, what was handed on before is of no use.
fn each_case(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    (library, sink): (Library, Sink),
    keep: &mut dyn FnMut(Scenario, Node, Option<Node>),
) -> Result<(), Problems> {
    let mut layers = Layers::read(input, env, read, library, &sink);
    let said = layers.say(env);
    let file = asked_by_file(&said);
    let asked = asked_by_flag(input).or_else(|| file.clone());
    if let Some(asked) = &asked
        && let Some(path) = asked.path()
    {
        layers.library.open(&path, &asked.place, read, &sink);
    }
    let (platform, chain) = platform::choose(asked.as_ref(), Some(&said), machine, &layers.library, &sink);
    layers.check_names(&chain, file.as_ref(), &sink);

    let base = layers.fold(&chain, &sink);
    let cases = layers.cases(env, &sink);
    let flag = asked.filter(|asked| asked.by == FLAG);
    let mut found = Found::default();
    for case in &cases {
        let there = Sink::default();
        let mut root = base.clone();
        layers.lay_case(&mut root, case, &there);
        let mut below_flags = layers.permitted_below_flags(&root);
        layers.lay_flags(&mut root, &there);
        if let (Some(flag), Some(run)) = (&flag, root_table(&mut root, "run")) {
            let value = Value::Text(flag.name.clone());
            let place = flag.place.clone();
            run.insert("platform".to_owned(), Node { key: place.clone(), place, value });
        }
        substitute(&mut root, env, Some(&there));
        let without_flags = below_flags.as_mut().and_then(|run| {
            substitute(run, env, Some(&there));
            read::permitted(run, &there)
        });
        let draft = layers.finish(&mut root, platform.named, &there);
        if let Some(draft) = draft.filter(|_| sink.is_empty() && found.is_empty() && there.is_empty())
            && let Some(mut scenario) =
                draft.finish(platform.clone(), case.axes.clone(), origins(&root), Places::of(&root))
        {
            scenario.run.without_flags = without_flags;
            keep(scenario, root, below_flags);
        }
        found.add(&case.axes, there);
    }
    found.report(cases.len(), &sink);
    if let Some(first) = cases.first() {
        layers.check_inactive(&chain, first, env, &sink);
    }
    if sink.is_empty() { Ok(()) } else { Err(sink.into_problems(input.name)) }
}

/// What is wrong in which cases.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// Each problem with the first case that has it, and the number of all that do.
    problems: Vec<(Diagnostic, &'a [Axis], usize)>,
}

impl<'a> Found<'a> {
    fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn add(&mut self, axes: &'a [Axis], there: Sink) {
        for problem in there.into_vec() {
            match self.problems.iter_mut().find(|(known, ..)| *known == problem) {
                Some((.., count)) => *count += 1,
                None => self.problems.push((problem, axes, 1)),
            }
        }
    }

    /// What is wrong with a value of the matrix itself is told by its place.
    pub(super) fn report(self, cases: usize, sink: &Sink) {
        for (problem, first, count) in self.problems {
            let everywhere = count == cases || problem.is_in(Layer::Matrix);
            let name = || case_name(first);
            sink.push(if everywhere { problem } else { problem.in_cases(&name(), count, cases) });
        }
    }
}

/// How the flag is called in messages.
const FLAG: &str = "`--platform`";

/// What `--platform` says.
fn asked_by_flag(input: &Input<'_>) -> Option<Asked> {
    let name = input.platform?;
    Some(Asked {
        name: name.to_owned(),
        place: Place::new(&Source::new("--platform", Layer::Set, name), 0..name.len()),
        by: FLAG.to_owned(),
        folder: PathBuf::new(),
    })
}

/// What `run.platform` says, in the file or by `--set`.
fn asked_by_file(said: &Node) -> Option<Asked> {
    let node = said.at(&["run", "platform"])?;
    let name = node.as_text()?.to_owned();
    let place = node.place.clone();
    let by = match place.source.layer {
        Layer::Set => "`--set run.platform`".to_owned(),
        _ => format!("`run.platform` in {}", place.source.name),
    };
    let folder = place.folder();
    Some(Asked { name, place, by, folder })
}

/// Where every leaf came from.
fn origins(root: &Node) -> Vec<Origin> {
    let mut origins = Vec::new();
    root.leaves("", &mut |path, node| {
        let Source { name, layer, .. } = node.place.source.as_ref();
        // a flag is one line of its own
        let line = if *layer == Layer::Set { 0 } else { node.place.line() };
        origins.push(Origin {
            path: path.to_owned(),
            value: node.to_toml(),
            layer: *layer,
            source: name.clone(),
            line,
        });
    });
    origins.sort_by(|one, two| one.path.cmp(&two.path));
    origins
}
