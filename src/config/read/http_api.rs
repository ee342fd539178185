//! `[endpoints.NAME.http]`: an API that the scenario describes.

use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        EndMark, HttpApi, Model,
        tree::{Node, Value},
    },
    body,
    fields::Fields,
    leaf::{self, Read, wrong},
};
use crate::{catalog::Protocol, template::Template};

const HELP: &str = "write `[endpoints.NAME.http]` with `path`, `body` and `text` below";
const BODY_EXAMPLE: &str =
    "body = '{ \"prompt\": \"{{prompt}}\", \"max_tokens\": {{output_tokens}}, \"stream\": {{stream}} }'";

/// Characters of a body that a message shows.
const LONGEST_SHOWN: usize = 100;

/// Reads the description; `None` where there is none, or what is wrong with it has been reported.
pub(super) fn http_api(
    fields: &mut Fields<'_>,
    protocol: Option<Protocol>,
    model: Option<&Model>,
) -> Option<HttpApi> {
    let described = fields.node("http");
    match (protocol, described) {
        (Some(Protocol::Http), None) => {
            fields.need("http", "describe the API: `[endpoints.NAME.http]` with `path`, `body` and `text`");
            return None;
        }
        (_, None) => return None,
        (Some(Protocol::Http) | None, Some(_)) => {}
        (Some(other), Some(node)) => {
            let what = format!("has no meaning with `protocol = \"{}\"`", other.name());
            let failures = wrong::<()>(
                node,
                what,
                "the protocol says what requests look like",
                "remove it, or set `protocol = \"http\"`",
            );
            fields.report("http", failures.err().unwrap_or_default());
            return None;
        }
    }
    let mut table = fields.table_or("http", HELP)?;
    let path = table.require("path", "path = \"/generate\"", path);
    let body = table.require("body", BODY_EXAMPLE, |node| template(node, model));
    let text = table.require("text", "text = \"/text\"", pointer);
    let mut right = true;
    let mut optional = |key: &'static str| {
        let there = table.node(key).is_some();
        let read = table.get(key, pointer);
        right &= there == read.is_some();
        read
    };
    let [reasoning, finish_reason, input_tokens, output_tokens, reasoning_tokens, cached_tokens, timings] = [
        "reasoning",
        "finish_reason",
        "input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cached_tokens",
        "timings",
    ]
    .map(&mut optional);
    let error = optional("error");
    let ended = table.node("end").is_some();
    let end = end(&mut table);
    table.finish();
    right &= ended == end.is_some();
    let (path, body, text) = (path?, body?, text?);
    right.then_some(HttpApi {
        path,
        body,
        text,
        reasoning,
        finish_reason,
        input_tokens,
        output_tokens,
        reasoning_tokens,
        cached_tokens,
        timings,
        error: error?,
        end,
    })
}

/// Reads what sets the last document apart: a place, or a place and what stands there.
fn end(fields: &mut Fields<'_>) -> Option<EndMark> {
    if fields.node("end")?.as_table().is_none() {
        return fields.get("end", pointer).map(|at| EndMark { at, is: None });
    }
    let mut table = fields.table_at("end")?;
    let at = table.require("at", "at = \"/type\"", pointer);
    let is = table.require("is", "is = \"done\"", |node| match &node.value {
        Value::Table(_) | Value::List(_) => {
            leaf::mismatch(node, "a text, a number or a boolean", "write `is = \"done\"`")
        }
        _ => body::value(node, &[], ""),
    });
    table.finish();
    Some(EndMark { at: at?, is: Some(is?) })
}

/// The path of requests.
fn path(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let plain =
        text.starts_with('/') && text.parse::<http::uri::PathAndQuery>().is_ok() && !text.contains('#');
    if plain {
        Ok(text)
    } else {
        wrong(node, "must be a path under the base URL", "no such path", "write `path = \"/generate\"`")
    }
}

/// A JSON pointer by RFC 6901; the bare name of a field stands for the pointer to it.
fn pointer(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    if text.is_empty() || text.starts_with('/') {
        if text.replace("~0", "").replace("~1", "").contains('~') {
            return wrong(
                node,
                "is no JSON pointer",
                "`~` needs a `0` or `1` behind it",
                "write `~0` for `~` and `~1` for `/` within a name",
            );
        }
        return Ok(text);
    }
    Ok(format!("/{}", text.replace('~', "~0").replace('/', "~1")))
}

/// The template of a body: it can be read, names nothing that there is not, and is JSON once it is filled in.
fn template(node: &Node, model: Option<&Model>) -> Read<String> {
    let text = leaf::text(node)?;
    let help = "`model`, `prompt`, `output_tokens` and `stream` can be filled in: `\"{{prompt}}\"` within quotes, or \
                `{{json prompt}}` without";
    let template = match Template::of_json(&text) {
        Ok(template) => template,
        Err(error) => return wrong(node, format!("cannot be read: {error}"), "not a template", help),
    };
    // what needs care within the quotes of JSON
    let mut sample: Map<String, Json> = Map::new();
    for (name, value) in [
        ("prompt", json!("a \"b\" \\ \n")),
        ("output_tokens", json!(64)),
        ("stream", json!(true)),
        ("model", json!("m")),
    ] {
        sample.insert(name.to_owned(), value);
    }
    let filled = match template.fill(&sample) {
        Ok(filled) => filled,
        Err(error) => {
            return wrong(node, format!("cannot be filled in: {error}"), "names what is not there", help);
        }
    };
    if let Err(error) = serde_json::from_str::<Json>(&filled) {
        return wrong(
            node,
            format!("is no JSON once it is filled in: {error}"),
            format!("comes to `{}`", filled.chars().take(LONGEST_SHOWN).collect::<String>()),
            help,
        );
    }
    sample.shift_remove("model");
    if matches!(model, Some(Model::Mix(_))) && template.fill(&sample).is_ok() {
        return wrong(
            node,
            "names no model, and there are several",
            "the same whichever is asked for",
            "put `{{model}}` where the model stands, or name none",
        );
    }
    if model == Some(&Model::Auto) && template.fill(&sample).is_err() {
        return wrong(
            node,
            "asks for a model that nobody names",
            "`model` is filled in here",
            "set `model` of the endpoint: nothing is known of where this server lists its models",
        );
    }
    Ok(text)
}
