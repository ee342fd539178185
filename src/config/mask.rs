//! Secrets that stand in a text where they should not: what is shown of it must not hold them.

use std::ops::Range;

use super::{
    args::holds_secret,
    headers::{carries_secret, drawn, is_secret},
};

/// Overwrites literal secrets by `*`, keeping every byte's position: whatever is given to an `api_key` or to a header
/// that carries a secret other than a table, strings that are credentials, private keys, and users,
/// passwords and queries in URLs, and words in their paths that were drawn rather than written. It works on the text, since a file that does not parse is shown too.
pub(super) fn mask_secrets(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, sign) in text.match_indices('=') {
        let key = text[..at].trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'']);
        let word = key.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        let word = word.unwrap_or_default();
        let value = text[at + sign.len()..].trim_start_matches([' ', '\t']);
        let from = text.len() - value.len();
        if carries_secret(word) && value.starts_with(['[', '{']) {
            mask_texts(&mut bytes, value, from);
        } else if carries_secret(word) {
            mask(&mut bytes, from..from + literal_length(value));
        } else {
            let mut before = "";
            for (at, string) in strings(value) {
                let at = from + at;
                let before = std::mem::replace(&mut before, string);
                let given = matches!(word, "args" | "command") && holds_secret(string, before);
                if given || is_secret(string) {
                    mask(&mut bytes, at..at + string.len());
                } else if word == "url"
                    && string.is_ascii()
                    && let Some((scheme, rest)) = string.split_once("://")
                {
                    // the path of a webhook may be what keeps others out
                    let path = rest.find('/').unwrap_or(rest.len());
                    for (begin, drawn) in drawn(&rest[path..]) {
                        let from = at + scheme.len() + "://".len() + path + begin;
                        mask(&mut bytes, from..from + drawn.len());
                    }
                } else if word == "url" && !string.contains("://") {
                    // without a scheme it is none, and meant as one all the same
                    mask(&mut bytes, at..at + user_length(string));
                }
            }
        }
    }
    for (at, quote) in text.match_indices(['"', '\'']) {
        let string = inside(&text[at..]);
        if is_secret(string) {
            let from = at + quote.len();
            mask(&mut bytes, from..from + string.len());
        }
    }
    // a key in PEM (RFC 7468), to its end
    for (at, mark) in text.match_indices("PRIVATE KEY-----") {
        let from = at + mark.len();
        let end = text[from..].find("-----END").map_or(text.len(), |n| from + n);
        if text[..at].rsplit("-----").next().is_some_and(|before| before.starts_with("BEGIN")) {
            mask(&mut bytes, from..end);
        }
    }
    for (at, mark) in text.match_indices("://") {
        let from = at + mark.len();
        let url = text[from..].split(['"', '\'', '\n', ' ']).next().unwrap_or_default();
        mask(&mut bytes, from..from + user_length(url));
        let end = text[from..].find(['"', '\'', '\n']).map_or(text.len(), |n| from + n);
        if let Some(query) = text[from..end].find('?') {
            mask(&mut bytes, from + query + 1..end);
        }
    }
    // only whole characters were replaced, each byte of them by an ASCII one
    String::from_utf8(bytes).unwrap_or_default()
}

/// What is in the quotes at the start of a text.
fn inside(text: &str) -> &str {
    let mut rest = text.chars();
    let quote = rest.next();
    rest.as_str().split(|c| c == '\n' || Some(c) == quote).next().unwrap_or_default()
}

/// What is in the quotes at the start of a text, one or three of them, and where it begins.
fn quoted(text: &str) -> (usize, &str) {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(rest) = text.strip_prefix(quotes) {
            return (quotes.len(), rest.split(quotes).next().unwrap_or_default());
        }
    }
    (1, inside(text))
}

/// The strings of a value at the start of a text, and where each begins: one in quotes or, in a flag, without them; or
/// those of a list, also in lists in it.
fn strings(value: &str) -> Vec<(usize, &str)> {
    match value.chars().next() {
        Some('"' | '\'') => vec![quoted(value)],
        Some('[') => {
            let (mut strings, mut at, mut depth) = (Vec::new(), 1, 1);
            while let Some(next) = value[at..].find(['"', '\'', '[', ']']) {
                at += next;
                match value.as_bytes()[at] {
                    b'[' => (depth, at) = (depth + 1, at + 1),
                    b']' if depth == 1 => break,
                    b']' => (depth, at) = (depth - 1, at + 1),
                    _ => {
                        let (from, string) = quoted(&value[at..]);
                        strings.push((at + from, string));
                        at = (at + 2 * from + string.len()).min(value.len());
                    }
                }
            }
            strings
        }
        Some('{') | None => Vec::new(),
        Some(_) => vec![(0, value.lines().next().unwrap_or_default().trim_end())],
    }
}

/// The length of the user and the password before the host of a URL without its scheme. A password may have a `/` that
/// should not be in it; then what follows the first `:` is no port.
fn user_length(url: &str) -> usize {
    let host = url.split(['/', '?', '#']).next().unwrap_or_default();
    let port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if host.split_once(':').is_some_and(|(_, rest)| !port(rest)) { url } else { host };
    whole.rfind('@').unwrap_or(0)
}

/// The length of a value at the start of a text: to the closing quotes of a long string, else to the end of the
/// line.
fn literal_length(value: &str) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inside) = value.strip_prefix(quotes) {
            return inside.find(quotes).map_or(value.len(), |n| n + 2 * quotes.len());
        }
    }
    value.find('\n').unwrap_or(value.len())
}

/// Masks a list or an inline table that begins at `from`, to its closing bracket: all in it but keys and the names in
/// references.
fn mask_texts(bytes: &mut [u8], value: &str, from: usize) {
    let (mut depth, mut at, mut refers) = (0_usize, 0, false);
    while let Some(c) = value[at..].chars().next() {
        let rest = &value[at..];
        let mut length = c.len_utf8();
        match c {
            '[' | '{' => (depth, refers) = (depth + 1, false),
            ']' | '}' if depth == 1 => return,
            ']' | '}' => (depth, refers) = (depth - 1, false),
            ',' => refers = false,
            '=' | ' ' | '\t' | '\r' | '\n' => {}
            _ => {
                length = word_length(rest);
                let behind = rest[length..].trim_start_matches([' ', '\t']);
                if c != '#' && behind.starts_with('=') {
                    refers = matches!(rest[..length].trim_matches(['"', '\'']), "env" | "file");
                } else if !refers {
                    mask(bytes, from + at..from + at + length);
                }
            }
        }
        at += length;
    }
}

/// The length of the string, comment or bare word at the start of a text.
fn word_length(text: &str) -> usize {
    let until = |ends: &[char]| text.find(ends).unwrap_or(text.len());
    if text.starts_with("\"\"\"") || text.starts_with("\'\'\'") {
        return literal_length(text);
    }
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let comment = text.starts_with('#');
        return if comment {
            until(&['\n'])
        } else {
            until(&['[', ']', '{', '}', ',', '=', ' ', '\t', '\n', '"', '\''])
        };
    };
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn mask(bytes: &mut [u8], range: Range<usize>) {
    for byte in &mut bytes[range] {
        if !matches!(byte, b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n') {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_place() {
        for (text, shown) in [
            ("api_key = \"sk-1\"\nb = 1", "api_key = \"****\"\nb = 1"),
            ("api_key=sk-1", "api_key=****"),
            ("\"api_key\" = 'é'", "\"api_key\" = '**'"),
            ("api_key = \"\"\"a\nb\"\"\"\nc", "api_key = \"\"\"*\n*\"\"\"\nc"),
            ("api_key = { env = \"X\" }", "api_key = { env = \"X\" }"),
            ("api_key.env = \"X\"", "api_key.env = \"X\""),
            ("api_key = [\n \"sk-A\",\n \"B]\" ]\nd = 1", "api_key = [\n \"****\",\n \"**\" ]\nd = 1"),
            ("api_key = [{ env = \"X\" }, { v = 'b' }]", "api_key = [{ env = \"X\" }, { v = '*' }]"),
            ("x = \"Bearer 0123456789ab\"", "x = \"****** ************\""),
            ("x = [\"Basic dTpw\", 'a']", "x = [\"***** ****\", 'a']"),
            ("x.y=Bearer 0123456789ab", "x.y=****** ************"),
            ("args = [\"--api-key\", 'hunter2', \"-m\"]", "args = [\"--api-key\", '*******', \"-m\"]"),
            ("args = [\n  '--api-key=x',\n]", "args = [\n  '***********'*\n]"),
            ("args = [['--token', 'x'], ['-m', 'a']]", "args = [['--token', '*'], ['-m', 'a']]"),
            ("args = ['-c', '''a\nb --token x''', 'a']", "args = ['-c', '''*\n* ******* *''', 'a']"),
            ("args = ['--password', '1234', '/a']", "args = ['--password', '****', '/a']"),
            ("args = [\n  '--token',\n  'x',\n]", "args = [\n  '--token',\n  '*',\n]"),
            ("description = \"Basic load over\" # sk-", "description = \"Basic load over\" # sk-"),
            ("description = \"it's sk-learn\"", "description = \"it's sk-learn\""),
            ("url = \"http://host/v1?k=1\" # a", "url = \"http://host/v1?***\" # a"),
            ("Authorization = 'Bearer 1'", "Authorization = '****** *'"),
            ("h = { \"x-api-key\" = \"1\" }", "h = { \"x-api-key\" = \"*\" *"),
            ("my-token.env = \"X\"", "my-token.env = \"X\""),
            ("x-team = \"a\"", "x-team = \"a\""),
            ("url = \"http://me:pw@host/v1\"", "url = \"http://*****@host/v1\""),
            ("url = \"http://me:p/w@host/v1\"", "url = \"http://******@host/v1\""),
            ("url = \"http://host:80/v1@2\"", "url = \"http://host:80/v1@2\""),
            ("url = \"me:pw@host/v1\"", "url = \"*****@host/v1\""),
            ("url = [\"me:pw@host\", 'h', \"u@i\"]", "url = [\"*****@host\", 'h', \"*@i\"]"),
            ("endpoints.a.url=me@host:80/v1", "endpoints.a.url=**@host:80/v1"),
            ("description = \"ask me:here@example.com\"", "description = \"ask me:here@example.com\""),
            ("url = \"host:80/v1\" # a@b", "url = \"host:80/v1\" # a@b"),
            ("url = [\"", "url = [\""),
            (
                "x = \"-----BEGIN EC PRIVATE KEY-----\nMII\n-----END EC PRIVATE KEY-----\"\ny = 1",
                "x = \"-----BEGIN EC PRIVATE KEY-----\n***\n-----END EC PRIVATE KEY-----\"\ny = 1",
            ),
            ("x = \"-----BEGIN PRIVATE KEY-----\\nMII", "x = \"-----BEGIN PRIVATE KEY-----*****"),
            ("url = \"http://host/v1\" # a@b", "url = \"http://host/v1\" # a@b"),
        ] {
            assert_eq!(mask_secrets(text), shown);
            assert_eq!(shown.len(), text.len());
        }
    }
}
