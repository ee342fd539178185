//! The one writer of scenario files: what `init` leaves behind, and what `run --url` stands for.

use std::fmt::Write as _;

use serde_json::Value;

use crate::catalog::Protocol;

/// The scenario of a first look at a server, with `@NAME@` where its particulars go.
const FIRST_LOOK: &str = include_str!("starter/first_look.toml");

/// A server as a scenario names it.
#[derive(Debug)]
pub(super) struct Server {
    /// Base URL.
    pub(super) url: String,
    /// What it speaks.
    pub(super) protocol: Protocol,
    /// The model asked for, or `auto`.
    pub(super) model: String,
    /// Where the model's name comes from, for a comment.
    pub(super) model_note: String,
    /// The environment variable that holds its key.
    pub(super) api_key_env: Option<String>,
    /// Public hosts that somebody allowed.
    pub(super) allow_hosts: Vec<String>,
}

impl Server {
    /// `[run]`, where hosts have to be allowed, and `[endpoints.main]`.
    pub(super) fn tables(&self) -> String {
        let mut text = String::new();
        // writing to a string does not fail
        if !self.allow_hosts.is_empty() {
            let hosts: Vec<_> = self.allow_hosts.iter().map(|host| quoted(host)).collect();
            let hosts = hosts.join(", ");
            let _ = writeln!(text, "[run]\nallow_hosts = [{hosts}] # public: load goes there only by name\n");
        }
        let known =
            Protocol::ALL.into_iter().filter(|protocol| protocol.generates() && !protocol.is_described());
        let known = known.map(Protocol::name).collect::<Vec<_>>().join(", ");
        let _ = write!(
            text,
            "[endpoints.main]\nurl = {url}\nprotocol = \"{protocol}\" # {known}\nmodel = {model} # {note}\n",
            url = quoted(&self.url),
            protocol = self.protocol.name(),
            model = quoted(&self.model),
            note = self.model_note,
        );
        let _ = match &self.api_key_env {
            // a reference is taken as it is, without variables in it
            Some(name) => {
                writeln!(
                    text,
                    "api_key = {{ env = {} }} # where the key is; never the key",
                    Value::from(name.as_str())
                )
            }
            None => writeln!(
                text,
                "# A key is never written here, only where it is found:\n# api_key = {{ env = \"API_KEY\" }}"
            ),
        };
        text
    }
}

/// The scenario of a first look; `about` says what is known of the server, `file` is where the text will stand.
pub(super) fn first_look(server: &Server, about: &str, file: &str) -> String {
    // what comes from the server goes in last, so that nothing in it is taken for a place
    FIRST_LOOK.replace("@FILE@", file).replace("@ABOUT@", about).replace("@SERVER@\n", &server.tables())
}

/// A text of TOML in a scenario, where `$` begins a variable.
pub(super) fn quoted(text: &str) -> String {
    // a basic string of TOML escapes like one of JSON
    Value::from(text.replace('$', "$$")).to_string()
}

/// A number as it is, anything else as text: `8`, `"90/min"`.
pub(super) fn number_or_text(text: &str) -> String {
    let text = text.trim();
    let number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite);
    // TOML has no leading zeros, and JSON neither
    if number && serde_json::from_str::<serde_json::Number>(text).is_ok() {
        text.to_owned()
    } else {
        quoted(text)
    }
}
