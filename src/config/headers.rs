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
pub(super) const SECRET_WORDS: &[&str] =
    &["apikey", "auth", "authtoken", "key", "passphrase", "passwd", "password", "secret", "token"];

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

/// Whether a text is plainly a secret, whatever its header is called: `Bearer` and a token, `Basic` and the Base64 of a
/// user with a password, or a key that begins with `sk-`.
pub(super) fn is_secret(text: &str) -> bool {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(key), None, None) => key.strip_prefix("sk-").is_some_and(is_token),
        (Some(scheme), Some(token), None) if scheme.eq_ignore_ascii_case("bearer") => is_token(token),
        (Some(scheme), Some(pair), None) if scheme.eq_ignore_ascii_case("basic") => is_pair(pair),
        _ => false,
    }
}

/// Whether a word is drawn rather than written: nobody's prose has words with digits that are as long.
fn is_token(word: &str) -> bool {
    const SHORTEST: usize = 12;
    let sign = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    word.len() >= SHORTEST && word.chars().all(sign) && word.contains(|c: char| c.is_ascii_digit())
}

/// The words of a path that were drawn rather than written, with where each begins: those who have a webhook at a public service are given
/// such a one, and it is all that keeps others out.
pub(super) fn drawn(path: &str) -> impl Iterator<Item = (usize, &str)> {
    const SHORTEST: usize = 12;
    let mut from = 0;
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).map(move |word| {
        let at = from;
        // the mark behind it may be of several bytes, of which none is in a URL
        from += word.len() + 1;
        (at, word)
    });
    words.filter(|(_, word)| word.len() >= SHORTEST && word.contains(|c: char| c.is_ascii_digit()))
}

/// Whether a word is a user with a password, in Base64 (RFC 7617) or plain.
fn is_pair(word: &str) -> bool {
    word.contains(':') || from_base64(word).is_some_and(|bytes| bytes.contains(&b':') && bytes.is_ascii())
}

/// The bytes that a word in Base64 stands for, by either alphabet of RFC 4648.
fn from_base64(word: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in word.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_by_value() {
        for name in [
            "Proxy_Authorization",
            "cookie",
            "token",
            "X-ApiKey",
            "api_key",
            "x_password",
            "x-auth",
            "x-authtoken",
        ] {
            assert!(carries_secret(name), "{name}");
        }
        for name in ["x-team", "x-tokens", "monkey", "x-key-id", "author", ""] {
            assert!(!carries_secret(name), "{name}");
        }
        for secret in [
            "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
            " bearer  0123456789ab ",
            "Basic dXNlcjpwYXNz",
            "basic dXNlcjpwYXNzd29yZA==",
            "BASIC user:pass",
            "sk-proj-0123456789abcdef",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for text in [
            "Basic load over a slow line",
            "Basic plan",
            "Basic",
            "Bearer",
            "Bearer tokens",
            "Bearer of good news in 2026",
            "sk-learn",
            "sk-learn 0.24.1",
            "sk-",
            "risk-0123456789abcdef",
            "",
        ] {
            assert!(!is_secret(text), "{text}");
        }
    }

    #[test]
    fn base64_is_read_by_either_alphabet() {
        for (word, bytes) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9vYmFy", Some(b"foobar")),
            ("-_8=", Some(b"\xfb\xff")),
            ("+/8=", Some(b"\xfb\xff")),
            ("Zm9v YmFy", None),
        ] {
            assert_eq!(from_base64(word).as_deref(), bytes, "{word}");
        }
    }
}
