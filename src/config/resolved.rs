//! A scenario with all its layers folded and everything filled in, as TOML that reads back to the same plan.

use super::{
    Layer, Scenario,
    diagnostic::Sink,
    layers::root_table,
    read,
    substitute::is_raw,
    tree::{Node, Value},
};

/// The keys at the top, as a reader wants them; any other comes behind.
const ORDER: &[&str] = &[
    "version",
    "name",
    "description",
    "seed",
    "run",
    "output",
    "monitoring",
    "defaults",
    "services",
    "endpoints",
    "workloads",
    "sims",
    "phases",
];

/// Tables whose entries are tables with headers of their own.
const NAMED: &[&str] = &["endpoints", "services", "workloads", "phases", "targets", "alerts", "sims"];

/// The text. Paths in it start at the current folder, where it can be written to. What a preset says of targets stays
/// with the preset, since it is the preset's to say whether they judge, and so does a limit on endpoints that nobody asked
/// for: said by the scenario it would bind. What flags permit is for them to say again: `below_flags` is the `[run]` without
/// it.
pub(super) fn text(scenario: &Scenario, mut root: Node, below_flags: Option<Node>) -> String {
    settle_platform(&mut root);
    take_back_permissions(scenario, &mut root, below_flags);
    leave_out_limits(&mut root);
    give_types(&mut root);
    let mut kept = Vec::new();
    let (mut values, mut sections) = (String::new(), String::new());
    let mut keys: Vec<_> = root.as_table().into_iter().flatten().collect();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    keys.sort_by_key(|(key, _)| rank(key));
    for (key, node) in keys {
        match node.as_table() {
            Some(entries) if NAMED.contains(&key.as_str()) => {
                for (name, entry) in entries {
                    if key == "targets" && scenario.targets.get(name).is_some_and(|target| target.from_preset)
                    {
                        kept.push(name.as_str());
                    } else {
                        sections += &section(&[key.as_str(), name.as_str()], entry);
                    }
                }
            }
            Some(_) => sections += &section(&[key.as_str()], node),
            None => values.extend([&quoted_key(key), " = ", &literal(&mut vec![key.as_str()], node), "\n"]),
        }
    }
    let platform = &scenario.platform;
    let why = format!("platform {} ({})", platform.name, platform.reason).replace(char::is_control, " ");
    let mut head = format!(
        "# {}, with every value that holds: {why}.\n# Paths start at the folder of this file.\n",
        scenario.name
    );
    if !kept.is_empty() {
        head.extend(["# Targets that the preset adds: ", &kept.join(", "), ".\n"]);
    }
    format!("{head}\n{values}{sections}")
}

/// A preset by its path is named from the current folder.
fn settle_platform(root: &mut Node) {
    let Some(node) = root_table(root, "run").and_then(|run| run.get_mut("platform")) else { return };
    if let Some(path) = super::platform::path_of(node) {
        node.value = Value::Text(path.display().to_string());
    }
}

/// Puts the hosts and ceilings that hold without flags in place of those that hold with them; what a flag lowers stays.
fn take_back_permissions(scenario: &Scenario, root: &mut Node, below_flags: Option<Node>) {
    let (Some(without), Some(Node { value: Value::Table(mut below), .. })) =
        (&scenario.run.without_flags, below_flags)
    else {
        return;
    };
    let Some(run) = root_table(root, "run") else { return };
    run.extend(below.shift_remove_entry("allow_hosts"));
    let (with, without) = (scenario.run.ceiling, without.ceiling);
    let lifted = [
        ("requests", with.requests > without.requests),
        ("rate", with.rate > without.rate),
        ("duration", with.duration > without.duration),
    ];
    let (Some(ceiling), Some(below)) = (
        run.get_mut("ceiling").and_then(Node::as_table_mut),
        below.get_mut("ceiling").and_then(Node::as_table_mut),
    ) else {
        return;
    };
    for (key, _) in lifted.into_iter().filter(|(_, lifted)| *lifted) {
        ceiling.extend(below.shift_remove_entry(key));
    }
}

/// Takes out a limit on endpoints that is no word of the scenario's own.
fn leave_out_limits(root: &mut Node) {
    const LIMIT: &str = "max_endpoints";
    if let Some(defaults) = root_table(root, "defaults")
        && defaults.get(LIMIT).is_some_and(|limit| limit.place.source.layer < Layer::Include)
    {
        defaults.shift_remove(LIMIT);
    }
}

/// What a variable of the environment gave is text, and fields of numbers take such text only from variables: where a
/// field refuses it as text, it is written as what it says.
fn give_types(root: &mut Node) {
    let mut there = Vec::new();
    filled(root, &mut |node| {
        there.push(node.place.clone());
        if let Value::Filled(text) = &node.value {
            node.value = Value::Text(text.clone());
        }
    });
    if there.is_empty() {
        return;
    }
    let sink = Sink::default();
    read::draft(root, &sink);
    let refused: Vec<_> = sink.into_vec().iter().filter_map(|problem| problem.place().cloned()).collect();
    texts(root, &mut |node| {
        if let Value::Text(text) = &node.value
            && there.contains(&node.place)
            && refused.contains(&node.place)
        {
            let text = text.trim().replace('_', "");
            let number = || text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float));
            if let Ok(value) = text.parse().map(Value::Bool).or_else(|_| number()) {
                node.value = value;
            }
        }
    });
}

fn filled(node: &mut Node, f: &mut dyn FnMut(&mut Node)) {
    texts(node, &mut |node| {
        if matches!(node.value, Value::Filled(_)) {
            f(node);
        }
    });
}

/// Calls `f` with every text.
fn texts(node: &mut Node, f: &mut dyn FnMut(&mut Node)) {
    match &mut node.value {
        Value::Text(_) | Value::Filled(_) => f(node),
        Value::List(list) => list.iter_mut().for_each(|node| texts(node, f)),
        Value::Table(table) => table.values_mut().for_each(|node| texts(node, f)),
        _ => {}
    }
}

/// A table under its header, with dotted keys for what is in it.
fn section(address: &[&str], node: &Node) -> String {
    let header: Vec<String> = address.iter().map(|key| quoted_key(key)).collect();
    let mut text = format!("\n[{}]\n", header.join("."));
    lines(address.len(), &mut address.to_vec(), node, &mut text);
    text
}

/// The entries of the table at an address, by their address below the header, which is so many keys long.
fn lines<'a>(header: usize, address: &mut Vec<&'a str>, node: &'a Node, text: &mut String) {
    for (key, node) in node.as_table().into_iter().flatten() {
        address.push(key);
        match node.as_table() {
            Some(table) if !table.is_empty() => lines(header, address, node, text),
            _ => {
                let path: Vec<String> = address[header..].iter().map(|key| quoted_key(key)).collect();
                text.extend([&path.join("."), " = ", &literal(address, node), "\n"]);
            }
        }
        address.pop();
    }
}

/// A value as it is written at an address. Below some of them no variables are filled in.
fn literal<'a>(address: &mut Vec<&'a str>, node: &'a Node) -> String {
    match &node.value {
        Value::Text(text) | Value::Filled(text) => {
            quoted(&if is_raw(address) { text.clone() } else { text.replace('$', "$$") })
        }
        Value::Integer(number) => number.to_string(),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(|node| literal(address, node)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let mut entries = Vec::new();
            for (key, node) in table {
                address.push(key);
                entries.push(format!("{} = {}", quoted_key(key), literal(address, node)));
                address.pop();
            }
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        _ => node.to_toml(),
    }
}

fn quoted_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

/// A basic string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            c if c.is_control() => quoted.extend(["\\u".to_owned(), format!("{:04X}", u32::from(c))]),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
