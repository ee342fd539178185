//! What goes with requests: `api_key` and `[endpoints.NAME.headers]`, with secrets by reference.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

use super::{
    super::{
        HeaderText, Secret,
        headers::{carries_secret, is_secret, is_set_here},
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
};

const KEY_HELP: &str = "write `api_key = { env = \"NAME\" }` or `api_key = { file = \"path\" }`";
const HEADERS_HELP: &str = "write `headers = { x-team = \"a\", authorization = { env = \"NAME\" } }`";

/// Reads a key.
pub(super) fn api_key(fields: &mut Fields<'_>) -> Option<Secret> {
    let node = fields.node("api_key")?;
    if !matches!(node.value, Value::Table(_)) {
        return fields.get("api_key", |node| literal(node, KEY_HELP));
    }
    reference(fields.table_at("api_key")?, KEY_HELP)
}

/// A secret that stands in the file.
pub(super) fn literal<T>(node: &Node, help: &str) -> Read<T> {
    wrong(node, "must be a reference: a secret cannot stand in a scenario", "not a reference", help)
}

/// Reads where a secret is.
pub(super) fn reference(mut table: Fields<'_>, help: &str) -> Option<Secret> {
    let kind = table.variant(&["env", "file"], help, "keep one of the two");
    let name = |node: &Node| {
        let text = leaf::text(node)?;
        if text.is_empty() || text.contains("${") {
            return wrong(node, "must be a plain name", "taken as it is, nothing is filled in", help);
        }
        Ok(text)
    };
    let secret = match kind {
        Some("env") => table.get("env", name).map(Secret::Env),
        Some(_) => table.get("file", name).map(Secret::File),
        None => None,
    };
    table.finish();
    secret
}

/// Reads the headers; none where there is no such table.
pub(super) fn headers(fields: &mut Fields<'_>) -> Option<BTreeMap<String, HeaderText>> {
    let mut headers = BTreeMap::new();
    if fields.node("headers").is_none() {
        return Some(headers);
    }
    let mut table = fields.table_or("headers", HEADERS_HELP)?;
    let mut seen: BTreeMap<String, &Node> = BTreeMap::new();
    let mut whole = true;
    for (written, node) in table.free_entries() {
        let name = written.to_ascii_lowercase();
        if let Err(failures) = check_name(&name, node, seen.get(&name).copied()) {
            table.report(written, failures);
            whole = false;
            continue;
        }
        seen.insert(name.clone(), node);
        match header_text(&table, written, node) {
            Some(text) => {
                headers.insert(name, text);
            }
            None => whole = false,
        }
    }
    table.finish();
    whole.then_some(headers)
}

/// Whether a header may be named so; `same` is another one of this name.
fn check_name(name: &str, node: &Node, same: Option<&Node>) -> Read<()> {
    let at_key = |what: &str, label: &str, help: &str, other| {
        let (place, help) = (node.key.clone(), help.to_owned());
        Err(vec![Wrong { place, what: what.to_owned(), label: label.to_owned(), help, other }])
    };
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        let help = "use letters, digits and `-`, such as `x-team`";
        return at_key("is not a name of a header", "not such a name", help, None);
    }
    if is_set_here(name) {
        let help = "remove it: it follows from the request and its connection";
        return at_key("cannot be set", "set for every request", help, None);
    }
    if let Some(same) = same {
        let other = Some((same.key.clone(), "first here".to_owned()));
        return at_key("comes twice", "again here, in any case", "remove one of the two", other);
    }
    Ok(())
}

fn header_text(table: &Fields<'_>, name: &str, node: &Node) -> Option<HeaderText> {
    text_or_secret(table, name, node, &plain, "NAME")
}

/// A text behind a name, or a reference to a secret, such as to the variable `example`. A secret in the text is refused.
pub(super) fn text_or_secret(
    table: &Fields<'_>,
    name: &str,
    node: &Node,
    plain: &dyn Fn(&Node) -> Read<String>,
    example: &str,
) -> Option<HeaderText> {
    let help = format!("write `{name} = {{ env = \"{example}\" }}` or `{name} = {{ file = \"path\" }}`");
    if matches!(node.value, Value::Table(_)) {
        return reference(table.element(&table.address(name), node)?, &help).map(HeaderText::Secret);
    }
    let text = match &node.value {
        // reported where the variable is missing
        Value::Unknown => return None,
        _ if carries_secret(name) || node.as_text().is_some_and(is_secret) => literal(node, &help),
        _ => plain(node),
    };
    text.map_err(|failures| table.report(name, failures)).ok().map(HeaderText::Text)
}

/// A text that a header can carry.
fn plain(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    match HeaderValue::from_str(&text) {
        Ok(_) => Ok(text),
        Err(_) => wrong(
            node,
            "has characters that a header cannot carry",
            "not plain text in one line",
            "use letters, digits and marks, without line ends",
        ),
    }
}
