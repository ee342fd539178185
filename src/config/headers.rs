//! Names of headers that are not like any other.

/// Headers that are set for every request, or that are the business of the connection.
pub(super) const SET_HERE: &[&str] = &[
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
pub(super) const SECRET: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// The last words of the names of others of them.
pub(super) const SECRET_WORDS: &[&str] = &["apikey", "auth", "key", "password", "secret", "token"];

/// How values begin that are secrets whatever their header is called, in lower case.
const SECRET_STARTS: &[&str] = &["basic ", "bearer ", "sk-"];

/// Whether a header, by its name in lower case, is none of a scenario's.
pub(super) fn is_set_here(name: &str) -> bool {
    SET_HERE.contains(&name)
}

/// Whether the value of a header is a secret, by its name in any case and with `_` for `-`.
pub(super) fn carries_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let last = name.rsplit('-').next().unwrap_or_default();
    SECRET.contains(&name.as_str()) || SECRET_WORDS.contains(&last)
}

/// Whether a text is plainly a secret by how it begins.
pub(super) fn is_secret(text: &str) -> bool {
    let text = text.trim_start().as_bytes();
    let begins = |start: &&str| {
        text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
    };
    SECRET_STARTS.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_by_value() {
        for name in ["Proxy_Authorization", "cookie", "token", "X-ApiKey", "api_key", "x_password", "x-auth"]
        {
            assert!(carries_secret(name), "{name}");
        }
        for name in ["x-team", "x-tokens", "monkey", "x-key-id", "author", ""] {
            assert!(!carries_secret(name), "{name}");
        }
        for (text, secret) in
            [("bearer a", true), ("Basic a", true), ("sk-a", true), ("risk-a", false), ("s", false)]
        {
            assert_eq!(is_secret(text), secret, "{text}");
        }
    }
}
