//! `endpoints.NAME.metrics`.

use super::{
    super::{
        MetricsPages,
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, wrong},
    url::{self, Hints},
};

const EXAMPLE: &str = "http://127.0.0.1:8080/metrics";
const HELP: &str = "write `\"http://HOST:PORT/metrics\"`, several of them in a list, `\"off\"` or `\"auto\"`";
const HINTS: Hints = Hints {
    example: "http://HOST:PORT/metrics",
    secret: "remove it: what identifies the author of requests goes with those for pages of the same server",
    query: "`?` and `#` have no place in the URL of a page",
};

/// Reads where the pages of an endpoint are; without the key they are looked for.
pub(super) fn metrics(fields: &mut Fields<'_>) -> Option<MetricsPages> {
    if fields.node("metrics").is_none() {
        return Some(MetricsPages::Auto);
    }
    fields.get("metrics", |node| match &node.value {
        Value::List(_) => {
            let mut urls: Vec<String> = Vec::new();
            for url in leaf::list(node, page)? {
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
            Ok(MetricsPages::At(urls))
        }
        _ => match node.as_text().map(str::trim) {
            Some("auto") => Ok(MetricsPages::Auto),
            Some("off") => Ok(MetricsPages::Off),
            Some(_) => Ok(MetricsPages::At(vec![page(node)?])),
            None => leaf::mismatch(node, "the URL of a page or a list of such", HELP),
        },
    })
}

/// Reads the URL of a page.
fn page(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let text = text.trim();
    if !url::is_http(text) {
        return wrong(node, "must start with `http://` or `https://`", "not such a URL", HELP);
    }
    let path = url::check(node, text, &HINTS)?;
    if path.trim_end_matches('/').is_empty() {
        let help = format!("add the path of the page, such as `\"{EXAMPLE}\"`");
        return wrong(node, "must be the URL of a page", "there is no path", help);
    }
    Ok(text.to_owned())
}
