//! Environment variables inside string values: `${NAME}`, `${NAME:-default}`, `$$`.

use super::{
    diagnostic::{Diagnostic, Sink},
    headers::carries_secret,
    source::Place,
    tree::{Node, Value},
};

/// A lookup of environment variables.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills variables in everywhere but in references to secrets, which are read at readiness. A value that lacks its
/// variable becomes [`Value::Unknown`], with a problem unless there is no `sink`.
pub(super) fn substitute(root: &mut Node, env: Env<'_>, sink: Option<&Sink>) {
    walk(root, &mut Vec::new(), env, sink);
}

/// Whether what is at an address is taken as it is written: a secret, or the reference to one.
pub(super) fn is_raw(path: &[&str]) -> bool {
    match path {
        ["endpoints", _, "api_key", ..]
        | ["endpoints", _, "headers", _, _, ..]
        | ["alerting", "webhook", "url", _, ..]
        | ["alerting", "webhook", "headers", _, _, ..]
        | ["services", _, "args", _, ..]
        | ["services", _, "environment", _, _, ..] => true,
        ["endpoints", _, "headers", name]
        | ["alerting", "webhook", "headers", name]
        | ["services", _, "environment", name] => carries_secret(name),
        _ => false,
    }
}

fn walk<'a>(node: &'a mut Node, path: &mut Vec<&'a str>, env: Env<'_>, sink: Option<&Sink>) {
    if let Value::Text(text) = &mut node.value {
        if text.contains('$') {
            let text = std::mem::take(text);
            node.value = match fill(&text, env) {
                Ok((filled, true)) => Value::Filled(filled),
                Ok((unchanged, false)) => Value::Text(unchanged),
                Err(failure) => {
                    if let Some(sink) = sink {
                        sink.push(failure.explain(&node.place));
                    }
                    Value::Unknown
                }
            };
        }
        return;
    }
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|node| walk(node, path, env, sink)),
        Value::Table(table) => {
            for (key, node) in table {
                path.push(key);
                if !is_raw(path) {
                    walk(node, path, env, sink);
                }
                path.pop();
            }
        }
        _ => {}
    }
}

/// Why a text cannot be filled in.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Unset(String),
    Unclosed,
    BadName(String),
}

impl Failure {
    /// The problem, with a caret at the variable where the text is written out.
    fn explain(&self, value: &Place) -> Diagnostic {
        let (message, mark, label, help) = match self {
            Self::Unset(name) => (
                format!("the environment variable `{name}` is not set"),
                format!("${{{name}}}"),
                "needed here".to_owned(),
                format!("set it before the run, or give a default: `${{{name}:-value}}`"),
            ),
            Self::Unclosed => (
                "`${` without `}`".to_owned(),
                "${".to_owned(),
                "opened here".to_owned(),
                "write `${NAME}`, or `$$` for a dollar sign".to_owned(),
            ),
            Self::BadName(name) => (
                format!("`{name}` is not a name of an environment variable"),
                format!("${{{name}"),
                "here".to_owned(),
                "a name has letters, digits and `_`; write `${NAME}`, `${NAME:-default}`, or `$$` for a dollar sign"
                    .to_owned(),
            ),
        };
        let place = match value.text().find(&mark) {
            Some(at) => {
                let from = value.span.start + at;
                Place::new(&value.source, from..from + mark.len())
            }
            None => value.clone(),
        };
        Diagnostic::new(message).label(&place, label).help(help)
    }
}

/// The text with its variables filled in, and whether there were any.
fn fill(text: &str, env: Env<'_>) -> Result<(String, bool), Failure> {
    let mut out = String::with_capacity(text.len());
    let mut filled = false;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = tail.strip_prefix('{') {
            let end = inside.find('}').ok_or(Failure::Unclosed)?;
            let (name, default) = match inside[..end].split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (&inside[..end], None),
            };
            if name.is_empty()
                || name.starts_with(|c: char| c.is_ascii_digit())
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                return Err(Failure::BadName(name.to_owned()));
            }
            // as in a shell, `:-` also replaces an empty value
            let value = match (env(name), default) {
                (Some(value), Some(default)) if value.is_empty() => default.to_owned(),
                (Some(value), _) => value,
                (None, Some(default)) => default.to_owned(),
                (None, None) => return Err(Failure::Unset(name.to_owned())),
            };
            out.push_str(&value);
            filled = true;
            rest = &inside[end + 1..];
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out.push_str(rest);
    Ok((out, filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_defaults_and_dollars() {
        let env = |name: &str| match name {
            "HOST" => Some("10.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("http://${HOST}:80", Ok(("http://10.0.0.1:80", true))),
            ("${HOST}${HOST}", Ok(("10.0.0.110.0.0.1", true))),
            ("${NONE:-a b}", Ok(("a b", true))),
            ("${EMPTY:-x}", Ok(("x", true))),
            ("${EMPTY}", Ok(("", true))),
            ("${NONE:-}", Ok(("", true))),
            ("costs $5", Ok(("costs $5", false))),
            ("$${HOST}", Ok(("${HOST}", false))),
            ("a$", Ok(("a$", false))),
            ("${NONE}", Err(Failure::Unset("NONE".to_owned()))),
            ("${HOST", Err(Failure::Unclosed)),
            ("${}", Err(Failure::BadName(String::new()))),
            ("${A B}", Err(Failure::BadName("A B".to_owned()))),
            ("${1A}", Err(Failure::BadName("1A".to_owned()))),
        ] {
            let expected = expected.map(|(text, filled): (&str, bool)| (text.to_owned(), filled));
            assert_eq!(fill(text, &env), expected, "{text}");
        }
    }
}
