//! The passes, in order: texts to trees, the choice of the platform, layers, and what is made of them.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use super::{
    Input, Layer, Origin, Platform, Problems, Scenario,
    checked::{Cases, Checked},
    diagnostic::Sink,
    layers::{Layers, root_table},
    matrix::Case,
    places::Places,
    platform::{self, Asked},
    presets::{Library, Preset},
    read, resolved, rest,
    schemas::Schemas,
    source::{Place, Source},
    substitute::{Env, substitute},
    tree::{Node, Value},
};
use crate::machine::Machine;

/// Checks a scenario with the given presets and what was wrong with them, and with the one that it names by its path.
pub(super) fn check(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: (Library, Sink),
) -> Checked {
    each_case(input, machine, env, read, presets, &mut |_, _, _| {})
}

/// Its cases as texts that read back to them.
pub(super) fn resolve(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: (Library, Sink),
) -> Result<Vec<String>, Problems> {
    let mut texts = Vec::new();
    let mut write = |scenario: &_, root, below_flags| texts.push(resolved::text(scenario, root, below_flags));
    each_case(input, machine, env, read, presets, &mut write).into_cases()?;
    Ok(texts)
}

/// Checks every case of a scenario. What is sound of each is shown to `see`, with the tree that it was read from, and with
/// what that permits without flags where they say anything of it.
fn each_case(
    input: &Input<'_>,
    machine: &Machine,
    env: Env<'_>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    (library, sink): (Library, Sink),
    see: &mut dyn FnMut(&Scenario, Node, Option<Node>),
) -> Checked {
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
    let schemas = Schemas::new(read);
    let flag = asked.filter(|asked| asked.by == FLAG);
    let mut here = Cases { count: cases.len(), ..Cases::default() };
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
        if let Some(draft) = draft.and_then(|draft| rest::sound(draft, &root, [&sink, &there]))
            && let Some(mut scenario) =
                draft.finish(platform.clone(), case.axes.clone(), origins(&root), Places::of(&root))
        {
            scenario.run.without_flags = without_flags;
            schemas.read_into(&mut scenario, &there);
            see(&scenario, root, below_flags);
            here.scenarios.push(scenario);
        }
        here.found.add(&case.axes, there);
    }
    let platforms =
        std::iter::once(here).chain(elsewhere(&layers, &chain, &cases, env, &schemas, &sink)).collect();
    Checked::new(input.name, sink, platforms)
}

/// Checks cases on every platform of the scenario that is not in use.
fn elsewhere(
    layers: &Layers,
    active: &[&Preset],
    cases: &[Case],
    env: Env<'_>,
    schemas: &Schemas<'_>,
    sink: &Sink,
) -> Vec<Cases> {
    let unused = layers.platforms().filter(|name| active.iter().all(|preset| preset.name != **name));
    let presets: Vec<&Preset> = unused.filter_map(|name| layers.library.get(name)).collect();
    let all = presets.len() * cases.len() <= MOST_ELSEWHERE;
    let cases = if all { cases.iter().collect() } else { every_value(cases) };
    presets.into_iter().map(|preset| on_platform(layers, preset, &cases, env, schemas, sink)).collect()
}

fn on_platform(
    layers: &Layers,
    preset: &Preset,
    cases: &[&Case],
    env: Env<'_>,
    schemas: &Schemas<'_>,
    outside: &Sink,
) -> Cases {
    let whole = Sink::default();
    let chain = layers.library.chain(preset, &whole);
    let base = layers.fold(&chain, &whole);
    // what its preset says binds only those who choose it
    let (name, named) = (preset.name.clone(), false);
    let platform = Platform { name, extends: Vec::new(), reason: String::new(), named };
    let whole = whole.into_vec();
    let mut there = Cases { elsewhere: Some(preset.name.clone()), count: cases.len(), ..Cases::default() };
    for case in cases {
        let sink = Sink::default();
        for problem in &whole {
            sink.push(problem.clone());
        }
        let mut root = base.clone();
        layers.lay_case(&mut root, case, &sink);
        layers.lay_flags(&mut root, &sink);
        // variables of a platform that is not in use need not be set
        substitute(&mut root, env, None);
        let draft = layers.finish(&mut root, named, &sink);
        let finished = draft.and_then(|draft| {
            let draft = rest::sound(draft, &root, [outside, &sink])?;
            let mut scenario =
                draft.finish(platform.clone(), case.axes.clone(), Vec::new(), Places::of(&root))?;
            schemas.read_into(&mut scenario, &sink);
            Some(scenario)
        });
        there.scenarios.extend(finished);
        there.found.add(&case.axes, sink);
    }
    there
}

/// Cases that are looked at on all platforms which are not in use, a second's work; of more a part is.
const MOST_ELSEWHERE: usize = 4_000;

/// The cases that show a value of the matrix for the first time.
fn every_value(cases: &[Case]) -> Vec<&Case> {
    let (mut shown, mut showing) = (HashSet::new(), Vec::new());
    for case in cases {
        let before = shown.len();
        shown.extend(case.axes.iter().map(|axis| (&axis.path, &axis.value)));
        if before == 0 || shown.len() > before {
            showing.push(case);
        }
    }
    showing
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
