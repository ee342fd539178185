//! What a scenario leaves out: every default becomes a value of the tree, with the place where it is said.

use std::sync::LazyLock;

use indexmap::IndexSet;

use super::{
    DataFormat, Layer, Vocabulary,
    diagnostic::{Diagnostic, Sink},
    merge::{over, overlay},
    nearest::suggest,
    presets::Library,
    syntax,
    tree::{Node, Table, Value},
};

/// The text of the built-in defaults.
pub(super) const BUILT_IN: &str = include_str!("builtin.toml");

/// The built-in defaults.
pub(super) struct BuiltIn {
    /// The lowest layer.
    pub layer: Node,
    /// Laid under every entry of a table of named things, by the name of that table.
    each: Node,
    /// Entries for tables that would be empty.
    spare: Node,
}

impl BuiltIn {
    /// The embedded text, read.
    pub(super) fn get() -> &'static Self {
        static READ: LazyLock<BuiltIn> = LazyLock::new(BuiltIn::read);
        &READ
    }

    fn read() -> Self {
        let sink = Sink::default();
        let mut layer = syntax::parse("built-in defaults", Layer::BuiltIn, BUILT_IN, &sink);
        debug_assert!(sink.is_empty(), "the built-in defaults are valid");
        let empty = Node::table_at(&layer.place, Table::new());
        let mut take = |key: &str| {
            layer.as_table_mut().and_then(|table| table.shift_remove(key)).unwrap_or_else(|| empty.clone())
        };
        let (each, spare) = (take("each"), take("spare"));
        Self { layer, each, spare }
    }
}

/// Fills in everything that a scenario leaves out.
pub(super) fn fill(root: &mut Node, builtin: &BuiltIn, library: &Library, sink: &Sink) {
    if root.names("workloads").next().is_none()
        && let (Some(table), Some(spare)) = (root.as_table_mut(), builtin.spare.get("workloads"))
        && table.get("workloads").is_none_or(|node| node.as_table().is_some())
    {
        table.insert("workloads".to_owned(), spare.clone());
    }
    lay_templates_under(root, builtin);
    fill_endpoints(root);
    fill_datasets(root, builtin);
    settle_paths(root);
    fill_services(root);
    fill_phases(root);
    fill_sims(root, builtin, library, sink);
}

/// Tables of a template that hold only where the scenario has them: the variants of a one-of.
const SECTIONS: &[&str] = &[
    "load",
    "closed",
    "open",
    "search",
    "pressure",
    "cpu",
    "memory",
    "synthetic",
    "snippets",
    "dataset",
    "trace",
    "replay",
    "conversation",
    "http",
];

/// Tables of a template that hold as a whole, and only where the scenario has none: what somebody's mix does not name is
/// not in it.
pub(super) const WHOLE: &[&str] = &["mix"];

fn lay_templates_under(root: &mut Node, builtin: &BuiltIn) {
    let mut base = Node::table_at(&builtin.each.place, Table::new());
    for kind in ["endpoints", "workloads", "phases", "targets", "alerts", "services"] {
        let (Some(template), Some(entries)) =
            (builtin.each.get(kind), root.get(kind).and_then(Node::as_table))
        else {
            continue;
        };
        let templates = entries.iter().map(|(name, node)| {
            let mut template = template.clone();
            // what a template says of phases is about requests
            if sends_nothing(node)
                && let Some(template) = template.as_table_mut()
            {
                template.retain(|key, _| key == "pressure");
            }
            prune(&mut template, node);
            (name.clone(), template)
        });
        let node = Node::table_at(&template.place, templates.collect());
        if let Some(table) = base.as_table_mut() {
            table.insert(kind.to_owned(), node);
        }
    }
    let (key, place) = (root.key.clone(), root.place.clone());
    let filled = Node { value: std::mem::replace(&mut root.value, Value::Unknown), ..root.clone() };
    overlay(&mut base, filled);
    *root = Node { key, place, value: base.value };
}

/// Whether a phase is a pause, which it also is where it says only what presses in it.
pub(super) fn sends_nothing(phase: &Node) -> bool {
    phase.get("pause").is_some() || (phase.get("pressure").is_some() && phase.get("load").is_none())
}

fn prune(template: &mut Node, node: &Node) {
    let Some(table) = template.as_table_mut() else { return };
    table.retain(|key, _| {
        let there = node.get(key).is_some();
        (there || !SECTIONS.contains(&key.as_str())) && !(there && WHOLE.contains(&key.as_str()))
    });
    for (key, inner) in table {
        if let Some(node) = node.get(key) {
            prune(inner, node);
        }
    }
}

/// The entries of a table of named things that are tables themselves.
fn entries<'a>(root: &'a mut Node, kind: &str) -> impl Iterator<Item = &'a mut Table> + use<'a> {
    root.as_table_mut()
        .and_then(|table| table.get_mut(kind))
        .and_then(Node::as_table_mut)
        .into_iter()
        .flat_map(Table::values_mut)
        .filter_map(Node::as_table_mut)
}

fn fill_endpoints(root: &mut Node) {
    let timeout = root.at(&["defaults", "timeout"]).cloned();
    let mut names = root.get("workloads").and_then(Node::as_table).into_iter().flatten();
    let only = match (names.next(), names.next()) {
        (Some((name, node)), None) => {
            Some(Node { key: node.key.clone(), place: node.key.clone(), value: Value::Text(name.clone()) })
        }
        _ => None,
    };
    for endpoint in entries(root, "endpoints") {
        insert_missing(endpoint, "timeout", timeout.as_ref());
        insert_missing(endpoint, "workload", only.as_ref());
    }
}

/// What a dataset leaves out and its format decides: the format itself by the ending of the path, the field of the prompt where
/// rows have fields, and a length of output where they have no answers.
fn fill_datasets(root: &mut Node, builtin: &BuiltIn) {
    for workload in entries(root, "workloads") {
        let Some(dataset) = workload.get_mut("dataset").and_then(Node::as_table_mut) else { continue };
        let by_ending = dataset.get("path").and_then(|path| {
            let format = DataFormat::of_path(path.as_text()?)?;
            Some(Node {
                key: path.key.clone(),
                place: path.place.clone(),
                value: Value::Text(format.name().to_owned()),
            })
        });
        insert_missing(dataset, "format", by_ending.as_ref());
        let name = dataset.get("format").and_then(Node::as_text);
        let Some(format) = DataFormat::ALL.into_iter().find(|format| Some(format.name()) == name) else {
            continue;
        };
        let spare = |key: &str| builtin.spare.at(&["datasets", key]);
        if format.has_fields() && !dataset.contains_key("template") {
            insert_missing(dataset, "field", spare("field"));
        }
        if format != DataFormat::Sharegpt && !dataset.contains_key("output_tokens_field") {
            insert_missing(dataset, "output_tokens", spare("output_tokens"));
        }
    }
}

/// Puts the folder in front of the path of every secret in a file, of what TLS needs, of tokenizers, of schemas, of what workloads
/// come from and of where services run: a path starts where it is written.
fn settle_paths(root: &mut Node) {
    for workload in entries(root, "workloads") {
        for (kind, key) in [("dataset", "path"), ("trace", "path"), ("replay", "run")] {
            let source = workload.get_mut(kind).and_then(Node::as_table_mut);
            source.and_then(|source| source.get_mut(key)).into_iter().for_each(settle);
        }
    }
    for service in entries(root, "services") {
        service.get_mut("folder").into_iter().for_each(settle);
        let variables = service.get_mut("environment").and_then(Node::as_table_mut);
        variables.into_iter().flat_map(Table::values_mut).for_each(settle_path);
        if let Some(Node { value: Value::List(args), .. }) = service.get_mut("args") {
            args.iter_mut().for_each(settle_path);
        }
    }
    if let Some(webhook) = root
        .as_table_mut()
        .and_then(|root| root.get_mut("alerting")?.as_table_mut()?.get_mut("webhook")?.as_table_mut())
    {
        webhook.get_mut("url").into_iter().for_each(settle_path);
        let headers = webhook.get_mut("headers").and_then(Node::as_table_mut);
        headers.into_iter().flat_map(Table::values_mut).for_each(settle_path);
    }
    for endpoint in entries(root, "endpoints") {
        if let Some(key) = endpoint.get_mut("api_key") {
            settle_path(key);
        }
        let headers = endpoint.get_mut("headers").and_then(Node::as_table_mut);
        headers.into_iter().flat_map(Table::values_mut).for_each(settle_path);
        let tokenizer = endpoint.get_mut("tokenizer");
        tokenizer.filter(|node| node.as_text().is_some_and(Vocabulary::is_path)).into_iter().for_each(settle);
        let check = endpoint.get_mut("check").and_then(Node::as_table_mut);
        check.and_then(|check| check.get_mut("json_schema")).into_iter().for_each(settle);
        if let Some(tls) = endpoint.get_mut("tls").and_then(Node::as_table_mut) {
            for key in ["ca", "cert", "key"] {
                tls.get_mut(key).into_iter().for_each(settle);
            }
        }
    }
}

/// Lets services run in the folder of the file that names their command, where they say nothing else.
fn fill_services(root: &mut Node) {
    for service in entries(root, "services") {
        let home = service.get("command").map(|command| {
            let folder = command.place.folder().display().to_string();
            let folder = if folder.is_empty() { ".".to_owned() } else { folder };
            Node { key: command.key.clone(), place: command.place.clone(), value: Value::Text(folder) }
        });
        insert_missing(service, "folder", home.as_ref());
    }
}

fn settle_path(secret: &mut Node) {
    let file = secret.as_table_mut().and_then(|secret| secret.get_mut("file"));
    file.into_iter().for_each(settle);
}

fn settle(file: &mut Node) {
    if let Node { value: Value::Text(path) | Value::Filled(path), place, .. } = file
        && !path.is_empty()
    {
        *path = place.folder().join(&*path).display().to_string();
    }
}

fn fill_phases(root: &mut Node) {
    let requests = root.at(&["defaults", "requests"]).cloned();
    let concurrency = root.at(&["defaults", "concurrency"]).cloned();
    let batch_sizes = root.at(&["defaults", "batch_sizes"]).cloned();
    for phase in entries(root, "phases") {
        let load = phase.get_mut("load");
        let staged = load.as_ref().is_some_and(|load| load.at(&["open", "stages"]).is_some());
        if let Some(closed) = load
            .and_then(Node::as_table_mut)
            .and_then(|load| load.get_mut("closed"))
            .and_then(Node::as_table_mut)
        {
            insert_missing(closed, "users", concurrency.as_ref());
        }
        if let (Some(sizes), Some(default)) = (phase.get_mut("batch_sizes"), &batch_sizes)
            && sizes.as_text() == Some("default")
        {
            // the key stays where the phase wrote it
            *sizes = Node { key: sizes.key.clone(), ..default.clone() };
        }
        let ends = staged || ["pause", "duration", "during"].iter().any(|key| phase.contains_key(*key));
        // a phase with the load of another ends as that one does, one that follows a trace ends with it, and a search
        // when it has found
        let with = |load: &Node| ["same_as", "trace", "search"].iter().any(|kind| load.get(kind).is_some());
        let presses_alone = phase.contains_key("pressure") && !phase.contains_key("load");
        if !ends && !presses_alone && !phase.get("load").is_some_and(with) {
            insert_missing(phase, "requests", requests.as_ref());
        }
    }
}

fn insert_missing(table: &mut Table, key: &str, node: Option<&Node>) {
    if let Some(node) = node.filter(|_| !table.contains_key(key)) {
        table.insert(key.to_owned(), node.clone());
    }
}

/// Puts a full set of settings under `sims` for every simulated server that the scenario defines or uses.
fn fill_sims(root: &mut Node, builtin: &BuiltIn, library: &Library, sink: &Sink) {
    let own = root.get("sims").cloned().unwrap_or_else(|| Node::table_at(&root.place, Table::new()));
    let Some(own_table) = own.as_table() else { return };
    let profiles = Profiles { own: own_table, builtin, library, sink };
    let mut full = profiles.own();
    for name in root.names("endpoints") {
        let Some(url) = root.at(&["endpoints", name, "url"]) else { continue };
        let Some(sim) = url.as_text().and_then(|url| url.trim().strip_prefix("sim:")) else { continue };
        if sim.is_empty() || full.contains_key(sim) {
            continue;
        }
        match library.sim(sim) {
            Some(profile) => {
                full.insert(sim.to_owned(), profiles.over_template(profile.clone()));
            }
            None => sink.push(
                Diagnostic::missing(format!("unknown simulated server `{sim}`"))
                    .label(&url.place, format!("neither a `[sims.{sim}]` nor a built-in one"))
                    .help(suggest(sim, "known", profiles.names())),
            ),
        }
    }
    if let Some(table) = root.as_table_mut().filter(|_| !full.is_empty()) {
        table.insert("sims".to_owned(), Node { value: Value::Table(full), ..own });
    }
}

/// Where the settings of simulated servers come from.
struct Profiles<'a> {
    own: &'a Table,
    builtin: &'a BuiltIn,
    library: &'a Library,
    sink: &'a Sink,
}

impl Profiles<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.own.keys().map(String::as_str);
        own.chain(self.library.sims().filter(|name| !self.own.contains_key(*name)))
    }

    fn over_template(&self, profile: Node) -> Node {
        match self.builtin.each.get("sims") {
            Some(template) => over(template.clone(), profile),
            None => profile,
        }
    }

    /// Every `[sims.NAME]` of the scenario, over what it extends: another one, a built-in profile, the built-in profile
    /// of its own name, or the settings that hold without a profile.
    fn own(&self) -> Table {
        let mut done = Table::new();
        for name in self.own.keys() {
            // down to one whose base is known, and up again
            let mut chain: IndexSet<&str> = IndexSet::new();
            let mut next = Some(name.as_str());
            while let Some(name) = next.filter(|name| !done.contains_key(*name) && chain.insert(name)) {
                next = self.own.get_key_value(self.parent(name)).map(|(parent, _)| parent.as_str());
            }
            for name in chain.into_iter().rev() {
                let own = self.own.get(name).cloned();
                done.extend(own.map(|own| (name.to_owned(), over(self.base(name, &done), own))));
            }
        }
        self.own.keys().filter_map(|name| done.swap_remove_entry(name)).collect()
    }

    /// What a server extends: its own name where it does not say.
    fn parent<'a>(&'a self, name: &'a str) -> &'a str {
        let extends = self.own.get(name).and_then(|own| own.get("extends"));
        extends.and_then(Node::as_text).unwrap_or(name)
    }

    /// The settings under a server, of which those that it may extend are done.
    fn base(&self, name: &str, done: &Table) -> Node {
        let parent = self.parent(name);
        let known = self.own.contains_key(parent);
        let base = match done.get(parent) {
            Some(base) => Some(base.clone()),
            None if known && parent != name => None,
            None => self.library.sim(parent).map(|profile| self.over_template(profile.clone())),
        };
        if let Some(extends) = self.own.get(name).and_then(|own| own.get("extends"))
            && (base.is_none() || extends.as_text().is_none())
            && !matches!(extends.value, Value::Unknown)
        {
            self.refuse(name, parent, extends, known);
        }
        base.unwrap_or_else(|| self.over_template(Node::table_at(&self.builtin.each.place, Table::new())))
    }

    fn refuse(&self, name: &str, parent: &str, extends: &Node, circular: bool) {
        let problem = if extends.as_text().is_none() {
            Diagnostic::new(format!("`sims.{name}.extends` must be a string, found {}", extends.value.kind()))
                .label(&extends.place, format!("this is {}", extends.value.kind()))
                .help(format!("known: {}", super::nearest::quoted(&self.names().collect::<Vec<_>>())))
        } else if circular {
            Diagnostic::new(format!("`sims.{name}` extends itself"))
                .label(&extends.place, format!("`{parent}` extends `{name}` in turn"))
                .help("break the circle: let one of them extend nothing")
        } else {
            Diagnostic::missing(format!("`sims.{name}` extends `{parent}`, which does not exist"))
                .label(&extends.place, "no simulated server of this name")
                .help(suggest(parent, "known", self.names()))
        };
        self.sink.push(problem);
    }
}
