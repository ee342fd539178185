//! Secrets among the arguments of a program.

use super::headers::{SECRET_WORDS, carries_secret, is_secret};

/// What parts of an argument are kept apart by: blanks, and the marks of shells and JSON.
const MARKS: &[char] = &['"', '\'', '`', ',', ';', '(', ')', '{', '}', '[', ']', '&', '|', '<', '>'];

/// Words before the last one of a name that is then none of a secret: tokens of a vocabulary or a count, files, and keys of tables.
const OPEN: &[&str] = &[
    // what tokens are for
    "audio",
    "begin",
    "bos",
    "cls",
    "decode",
    "draft",
    "end",
    "eos",
    "fim",
    "first",
    "image",
    "last",
    "mask",
    "max",
    "middle",
    "min",
    "new",
    "next",
    "pad",
    "per",
    "prefix",
    "sep",
    "special",
    "start",
    "stop",
    "suffix",
    "think",
    "unk",
    "video", // keys that are files or public
    "host",
    "public",
    "ssh",
    "ssl",
    "tls", // keys of what is sorted or found by them
    "cache",
    "group",
    "hash",
    "label",
    "partition",
    "primary",
    "routing",
    "sort",
];

/// Beginnings of names that are switched on or off.
const SWITCHES: &[&str] = &["allow", "disable", "enable", "no", "require", "skip", "use"];

/// Words that alone may be about anything: `key=value`.
const VAGUE: &[&str] = &["auth", "key", "secret", "token"];

/// What is given where there is no secret.
const NOTHING: &[&str] = &["auto", "false", "no", "none", "null", "off", "on", "true", "yes"];

/// Whether an argument holds a secret, where `before` is the one before it: behind an option whose name says so, in a variable or a
/// header, or plainly by what it is. Paths and references such as `$KEY` are none.
pub(super) fn holds_secret(argument: &str, before: &str) -> bool {
    let asked = is_option(before) && !before.contains('=') && names_secret(before);
    if is_secret(argument) || (asked && is_value(argument)) || has_password(argument) {
        return true;
    }
    let blank = |c: char| c.is_whitespace() || MARKS.contains(&c);
    let parts: Vec<&str> = argument.split(blank).filter(|part| !part.is_empty()).collect();
    parts.iter().enumerate().any(|(index, part)| {
        let next = |by: usize| parts.get(index + by).copied().unwrap_or_default();
        let behind = is_option(part) && !part.contains('=') && names_secret(part) && is_value(next(1));
        let joined = part.split_once('=').is_some_and(|(name, value)| {
            // a quote behind the sign was cut away
            let quoted = ['"', '\''].iter().any(|quote| argument.contains(&format!("{part}{quote}")));
            let value = if value.is_empty() && quoted { next(1) } else { value };
            (is_option(name) || is_variable(name)) && names_secret(name) && is_value(value)
        });
        let before = index.checked_sub(1).map_or("", |before| parts[before]);
        is_secret(part)
            || is_secret(&format!("{part} {}", next(1)))
            || behind
            || joined
            || in_header(part, before, next)
    })
}

/// Whether it is an option rather than a value.
fn is_option(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    name.len() < text.len() && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether it may be the name of a variable; of those that may be about anything only such as stand for the environment.
fn is_variable(name: &str) -> bool {
    let vague = VAGUE.contains(&name);
    !vague && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// Whether the name of an option or a variable is that of a secret: `--api-key`, `HF_TOKEN`, not `--pad-token`.
fn names_secret(name: &str) -> bool {
    let mut plain = String::new();
    for c in name.trim_start_matches('-').chars() {
        if c.is_ascii_uppercase() && plain.ends_with(|c: char| c.is_ascii_lowercase()) {
            plain.push('-');
        }
        plain.push(if c == '_' || c == '.' || c == ':' { '-' } else { c });
    }
    let plain = plain.to_ascii_lowercase();
    let words: Vec<&str> = plain.split('-').collect();
    let [before @ .., last] = words.as_slice() else { return false };
    // llama.cpp's short name of `--hf-token`
    let secret = carries_secret(&plain) || SECRET_WORDS.contains(last) || plain == "hft";
    let switch = before.first().is_some_and(|first| SWITCHES.contains(first));
    secret && !switch && !before.last().is_some_and(|word| OPEN.contains(word))
}

/// Whether a text stands for itself, rather than for the place where a value is.
fn is_value(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    // Base64 may begin with a slash, too
    let path = text.starts_with("./")
        || text.starts_with("../")
        || text.starts_with('~')
        || (text.starts_with('/') && !text.contains('+') && !text.ends_with('='));
    let known = NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word));
    !text.is_empty() && !text.starts_with('$') && !is_option(text) && !path && !known
}

/// Whether a part is the name of a header or a key of JSON, and a secret stands behind it.
fn in_header<'a>(part: &'a str, before: &str, next: impl Fn(usize) -> &'a str) -> bool {
    let Some((name, value)) = part.split_once(':') else { return false };
    // in JSON a quote stands between the two, which was cut away
    let name = if name.is_empty() { before } else { name };
    if VAGUE.contains(&name.to_ascii_lowercase().as_str()) || !names_secret(name) {
        return false;
    }
    let is_scheme =
        |word: &str| ["basic", "bearer", "token"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let (value, behind) = if value.is_empty() { (next(1), next(2)) } else { (value, next(1)) };
    is_value(if is_scheme(value) { behind } else { value })
}

/// Whether there is a password in a URL.
fn has_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let authority = rest.split(|c: char| c == '/' || c.is_whitespace() || MARKS.contains(&c)).next();
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        user.and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| is_value(password))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(args: &[&str]) -> bool {
        let before = [""].into_iter().chain(args.iter().copied());
        args.iter().zip(before).any(|(arg, before)| holds_secret(arg, before))
    }

    #[test]
    fn secrets_are_known_wherever_they_stand() {
        for args in [
            &["--api-key", "hunter2"][..],
            &["--api-key", "q8/Zt+abc="],
            &["--api-key", "/Zt8+abc="],
            &["--password", "12345678"],
            &["--api-key=hunter2"],
            &["--hf-token=abc"],
            &["-hft", "abc"],
            &["--hfToken", "abc"],
            &["--token", "12345"],
            &["--server.auth_token", "abc"],
            &["--admin-api-key", "a/b"],
            &["--ssl-keyfile-password", "abc"],
            &["--ngrok-authtoken", "abc"],
            &["--gradio-auth", "me:hunter2"],
            &["sh", "-c", "serve --api-key x"],
            &["sh", "-c", "exec serve --port 80 --api-key='x y'"],
            &["sh", "-c", "export HF_TOKEN=x; serve"],
            &["-H", "Authorization: Bearer eyJhbGciOi"],
            &["-H", "authorization:Bearer eyJhbGciOi"],
            &["sh", "-c", "curl -H 'X-Api-Key: abc' http://localhost/"],
            &["env", "HF_TOKEN=x", "serve"],
            &["-e", "TOKEN=x"],
            &["-eOPENAI_API_KEY=x"],
            &["--config", "{\"api_key\":\"x\"}"],
            &["--config", "{\"api_key\": \"x\"}"],
            &["sk-0123456789abcdef"],
            &["run", "Bearer 0123456789ab"],
            &["sh", "-c", "serve sk-0123456789abcdef"],
            &["--db", "postgres://me:hunter2@localhost/x"],
        ] {
            assert!(any(args), "{args:?}");
        }
    }

    #[test]
    fn what_servers_are_usually_given_is_no_secret() {
        for args in [
            // vLLM
            &["serve", "meta-llama/Llama-3.1-8B", "--tokenizer", "hf-internal/llama-tokenizer"][..],
            &["--max-num-batched-tokens", "8192", "--long-prefill-token-threshold", "0"],
            &["--ssl-keyfile", "/x/key.pem", "--ssl-certfile", "cert.pem"],
            &["--ssl-keyfile", "key.pem"],
            &["--tokenizer-mode", "auto", "--skip-tokenizer-init"],
            &["--hf-token", "--port", "8000"],
            &["--override-generation-config", "{\"pad_token_id\": 0, \"max_new_tokens\": 9}"],
            &["--override-generation-config", "{\"eos_token\": \"</s>\"}"],
            &["--served-model-name", "token:latest", "key:value"],
            &["--lora-modules", "secret=./adapter"],
            &["--api-key", "$API_KEY"],
            &["--kv-transfer-config", "{\"kv_connector\":\"X\",\"kv_role\":\"kv_both\"}"],
            // llama.cpp
            &["--api-key-file", "keys.txt", "--ssl-key-file", "key.pem", "-m", "model.gguf"],
            &["--override-kv", "tokenizer.ggml.add_bos_token=bool:false"],
            &["--cache-type-k", "q8_0", "--no-kv-offload", "-ngl", "99", "--keep", "-1"],
            // SGLang and others
            &["--stop-token-ids", "1", "2", "--pad-token", "0", "--eos-token", "2"],
            &["--max-total-tokens=4096", "--max-input-tokens", "1024", "--max-running-requests", "8"],
            &["--ssl-key", "key.pem", "--tls-key", "key.pem", "--public-key", "abc"],
            &["--ssl-key", "./key.pem", "--key", "~/key.pem", "--token", "../token", "--auth", "none"],
            &["--no-auth", "server", "--disable-auth", "x"],
            &["sh", "-c", "serve --api-key \"$KEY\" --token=$TOKEN"],
            &["sh", "-c", "serve --api-key \"$(cat key.txt)\""],
            &["sh", "-c", "HF_TOKEN=$OTHER serve"],
            &["-H", "Authorization: Bearer $TOKEN"],
            &["--system-prompt", "a secret: nobody knows the key: love"],
            &["--filter", "key=value", "--sort-key", "name"],
            &["--base-url", "http://127.0.0.1:8080/v1", "--db", "postgres://me@localhost/x"],
            &["--monkey", "business", "--author", "me"],
            &["--api-key", ""],
        ] {
            assert!(!any(args), "{args:?}");
        }
    }
}
