//! Names of headers that are not like any other.

/// Headers that are set for every request, or that are the business of the connection.
const SET_HERE: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// Headers whose values are secrets.
const SECRET: &[&str] = &["api-key", "authorization", "cookie", "proxy-authorization", "x-api-key"];

/// How the names of others of them end.
const SECRET_ENDINGS: &[&str] = &["-key", "-secret", "-token"];

/// Whether a header, by its name in lower case, is none of a scenario's.
pub(super) fn is_set_here(name: &str) -> bool {
    SET_HERE.contains(&name)
}

/// Whether the value of a header is a secret, by its name in any case.
pub(super) fn carries_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.contains(&name.as_str()) || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}
