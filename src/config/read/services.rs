//! `[services.NAME]`: programs that a run starts, with secrets by reference.

use std::collections::BTreeMap;

use super::{
    super::{
        HeaderText, Layer, Ready, Service, StopSignal,
        args::holds_secret,
        tree::{Node, Value},
    },
    fields::Fields,
    headers::{literal, reference, text_or_secret},
    leaf::{self, Read, wrong},
    url::{self, Hints},
};
use crate::hosts;

const COMMAND_EXAMPLE: &str = "command = \"llama-server\"";
const ARGS_HELP: &str = "write a list of texts, one for each argument: `args = [\"--port\", \"8080\"]`";
const VARIED_HELP: &str =
    "each value of a matrix is a whole list: `args = [[\"--parallel\", \"4\"], [\"--parallel\", \"16\"]]`";
const ARG_SECRET_HELP: &str = "write `{ env = \"NAME\" }` or `{ file = \"path\" }` as the argument, or give it by `environment`, which other users do not see; a path begins with `./` or `/`";
const ENVIRONMENT_HELP: &str =
    "write `environment = { CUDA_VISIBLE_DEVICES = \"0\", HF_TOKEN = { env = \"HF_TOKEN\" } }`";
const READY_HELP: &str = "write `ready.http = \"http://127.0.0.1:8080/health\"`, `ready.tcp = \"127.0.0.1:8080\"` or `ready.output = \"text\"`";
const HINTS: Hints = Hints {
    example: "http://127.0.0.1:8080/health",
    secret: "remove it: nobody is asked for it there",
    query: "`?` and `#` have no place in the URL that is asked",
};

/// Reads a service.
pub(super) fn service(fields: &mut Fields<'_>) -> Option<Service> {
    let command = fields.require("command", COMMAND_EXAMPLE, command);
    let args = args(fields);
    let environment = environment(fields);
    let folder = fields.get("folder", not_empty);
    let told = fields.node("ready").is_some();
    let ready = fields.table_or("ready", READY_HELP).and_then(ready);
    let ready_within = fields.get("ready_within", leaf::positive_duration);
    let signals = StopSignal::ALL.map(|signal| (signal.name(), signal));
    let stop = fields.get("stop", leaf::word(&signals));
    let stop_within = fields.get("stop_within", leaf::duration);
    if told && ready.is_none() {
        return None;
    }
    Some(Service {
        command: command?,
        args: args?,
        environment: environment?,
        folder: folder?,
        ready,
        ready_within: ready_within?,
        stop: stop?,
        stop_within: stop_within?,
    })
}

/// A text that the system can hand to a program: it ends such texts with a zero.
fn plain(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    if text.contains('\0') {
        return wrong(node, "must not have a zero in it", "no program can be given it", "remove `\\u0000`");
    }
    Ok(text)
}

fn not_empty(node: &Node) -> Read<String> {
    let text = plain(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", "leave the key out, or write a path");
    }
    Ok(text)
}

fn command(node: &Node) -> Read<String> {
    if matches!(node.value, Value::List(_)) {
        return leaf::mismatch(
            node,
            "a string",
            "name the program here, and put what stands behind it into `args`",
        );
    }
    let text = plain(node)?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return wrong(node, "must not be empty", "no program", format!("write `{COMMAND_EXAMPLE}`"));
    }
    // a path may have spaces; what begins like an option behind one is no part of it
    if let Some((program, rest)) = trimmed.split_once(' ')
        && rest.split_whitespace().any(|word| word.starts_with('-'))
    {
        let args: Vec<String> = rest.split_whitespace().map(|word| format!("\"{word}\"")).collect();
        return wrong(
            node,
            "must be the program alone: no shell reads it",
            "a whole command line",
            // an argument may be a secret
            if holds_secret(rest, program) {
                "write what stands behind the program into `args`, secrets by reference".to_owned()
            } else {
                format!("write `command = \"{program}\"` and `args = [{}]`", args.join(", "))
            },
        );
    }
    Ok(trimmed.to_owned())
}

/// Reads the arguments.
fn args(fields: &mut Fields<'_>) -> Option<Vec<HeaderText>> {
    let node = fields.node("args")?;
    let Value::List(items) = &node.value else {
        let help = if node.place.source.layer == Layer::Matrix { VARIED_HELP } else { ARGS_HELP };
        fields.get("args", |node| leaf::mismatch::<()>(node, "a list", help));
        return None;
    };
    let mut args = Vec::new();
    let mut whole = true;
    let mut before = "";
    for (index, item) in items.iter().enumerate() {
        let arg = match &item.value {
            // reported where the variable is missing
            Value::Unknown => None,
            Value::Table(_) => {
                let address = format!("{}[{index}]", fields.address("args"));
                let table = fields.element(&address, item);
                table.and_then(|table| reference(table, ARG_SECRET_HELP)).map(HeaderText::Secret)
            }
            _ => match argument(item, before) {
                Ok(text) => Some(HeaderText::Text(text)),
                Err(failures) => {
                    fields.report("args", failures);
                    None
                }
            },
        };
        before = item.as_text().unwrap_or_default();
        whole &= arg.is_some();
        args.extend(arg);
    }
    whole.then_some(args)
}

/// One argument, and the one before it.
fn argument(node: &Node, before: &str) -> Read<String> {
    match &node.value {
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) => {
            return wrong(
                node,
                format!("must hold texts, found {}", node.value.kind()),
                format!("this is {}", node.value.kind()),
                "put it in quotes: programs take their arguments as texts",
            );
        }
        _ => {}
    }
    let text = plain(node)?;
    if holds_secret(&text, before) {
        return literal(node, ARG_SECRET_HELP);
    }
    Ok(text)
}

/// Reads the variables; none where there is no such table.
fn environment(fields: &mut Fields<'_>) -> Option<BTreeMap<String, HeaderText>> {
    let mut variables = BTreeMap::new();
    if fields.node("environment").is_none() {
        return Some(variables);
    }
    let mut table = fields.table_or("environment", ENVIRONMENT_HELP)?;
    let mut whole = true;
    for (name, node) in table.free_entries() {
        match variable(&table, name, node) {
            Some(value) => _ = variables.insert(name.to_owned(), value),
            None => whole = false,
        }
    }
    table.finish();
    whole.then_some(variables)
}

fn variable(table: &Fields<'_>, name: &str, node: &Node) -> Option<HeaderText> {
    if !is_variable(name) {
        let failures = wrong::<()>(
            node,
            "is not a name of a variable",
            "not such a name",
            "use letters, digits and `_`, and no digit first",
        );
        table.report(name, failures.err().unwrap_or_default());
        return None;
    }
    text_or_secret(table, name, node, &plain, name)
}

/// Whether the environment can have a variable of this name.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads what shows that it is ready.
fn ready(mut table: Fields<'_>) -> Option<Ready> {
    let kind = table.variant(&["http", "tcp", "output"], READY_HELP, "keep one of them");
    let ready = match kind {
        Some("http") => table.get("http", page).map(Ready::Http),
        Some("tcp") => table.get("tcp", host_and_port).map(|place| Ready::Tcp(vec![place])),
        Some(_) => table.get("output", line).map(Ready::Output),
        None => None,
    };
    table.finish();
    ready
}

/// A URL that is asked while the service starts.
fn page(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let text = text.trim();
    if !url::is_http(text) {
        let help = format!("write `\"{}\"`", HINTS.example);
        return wrong(node, "must start with `http://` or `https://`", "not such a URL", help);
    }
    url::check(node, text, &HINTS)?;
    nearby(node, &hosts::of_url(text).unwrap_or_default())?;
    Ok(text.to_owned())
}

/// A place that is connected to while the service starts.
fn host_and_port(node: &Node) -> Read<String> {
    const HELP: &str = "write `\"127.0.0.1:8080\"`";
    let text = leaf::text(node)?;
    let text = text.trim();
    let place = text.parse::<http::uri::Authority>().ok();
    let port = place.as_ref().and_then(http::uri::Authority::port_u16).filter(|port| *port > 0);
    let (Some(place), Some(_)) = (place, port) else {
        return wrong(node, "is not a host with a port", "not `HOST:PORT`", HELP);
    };
    if place.host().is_empty() || text.contains('@') {
        return wrong(node, "is not a host with a port", "not `HOST:PORT`", HELP);
    }
    nearby(node, place.host())?;
    Ok(text.to_owned())
}

/// Whoever waits for a service asks again and again, which strangers need not bear.
fn nearby(node: &Node, host: &str) -> Read<()> {
    if hosts::is_local(host) {
        return Ok(());
    }
    wrong(
        node,
        format!("asks `{host}`, which is not on this machine or its networks"),
        "a public host",
        "name the address that the service listens on, such as `127.0.0.1`",
    )
}

/// A text that a line of output may have.
fn line(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    if text.trim().is_empty() || text.contains(['\n', '\r']) {
        return wrong(
            node,
            "must be a part of one line",
            "not in any line",
            "write what the service says once it is up, such as `\"server is listening\"`",
        );
    }
    Ok(text)
}
