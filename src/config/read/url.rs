//! URLs of endpoints and of their pages.

use super::{
    super::tree::Node,
    leaf::{Read, wrong},
};

/// What is said of a URL that is wrong.
pub(super) struct Hints {
    /// How it is written.
    pub(super) example: &'static str,
    /// What to do with a user or a password in it.
    pub(super) secret: &'static str,
    /// Why it cannot have a query.
    pub(super) query: &'static str,
}

/// The scheme of a URL of HTTP; `None` where it has another one or none.
pub(super) fn is_http(text: &str) -> bool {
    matches!(text.split_once("://"), Some(("http" | "https", _)))
}

/// Checks a URL with a scheme, and gives its path.
pub(super) fn check(node: &Node, text: &str, hints: &Hints) -> Read<String> {
    let Hints { example, secret, query } = hints;
    let Ok(uri) = text.parse::<http::Uri>() else {
        return wrong(node, "is not a URL", "cannot be read as a URL", format!("write `\"{example}\"`"));
    };
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    if authority.contains('@') {
        return wrong(node, "must not carry a user or password", "a secret in a URL", *secret);
    }
    let host = uri.host().unwrap_or_default();
    let port = authority.get(host.len()..).unwrap_or_default();
    let valid =
        |port: &str| port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|n| n > 0));
    if host.is_empty() || !(port.is_empty() || valid(port)) {
        return wrong(
            node,
            "has no valid host and port",
            "host or port is wrong",
            format!("write `\"{example}\"`, with a port from 1 to 65535"),
        );
    }
    if text.contains(['?', '#']) {
        return wrong(node, "must end with its path", *query, "remove what follows the path");
    }
    Ok(uri.path().to_owned())
}
