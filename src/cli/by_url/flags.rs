//! What is wrong with the scenario of some flags, told of the flags: nobody has seen that scenario.

use crate::config::Diagnostic;

/// Flags by the address of what they say.
pub(in crate::cli) struct Flags(Vec<(String, String)>);

/// The flags whose address does not depend on what they say.
const FLAGS: &[(&str, &str)] = &[
    ("endpoints.main.url", "--url"),
    ("endpoints.main.model", "--model"),
    ("endpoints.main.protocol", "--protocol"),
    ("endpoints.main.api_key", "--api-key-env"),
    ("phases.load.load.closed.users", "--users"),
    ("phases.load.load.open.rate", "--rate"),
    ("phases.load.requests", "--requests"),
    ("phases.load.duration", "--duration"),
    ("workloads.prompts.synthetic.prompt_tokens", "--prompt-tokens"),
    ("workloads.prompts.synthetic.output_tokens", "--output-tokens"),
];

/// What stands in the help for files, and what is as good in a command.
const PHRASES: &[(&str, &str)] = &[
    ("let `load` last ", "let `--duration` be "),
    ("`api_key = { env = \"NAME\" }`", "`--api-key-env NAME`"),
    ("; local servers need neither", ""),
];

impl Flags {
    /// Those of a command with these targets, each by its name and as it was written.
    pub(super) fn new(targets: impl IntoIterator<Item = (String, String)>) -> Self {
        let fixed = FLAGS.iter().map(|(address, flag)| ((*address).to_owned(), (*flag).to_owned()));
        let targets = targets
            .into_iter()
            .map(|(name, written)| (format!("targets.{name}"), format!("--target '{written}'")));
        Self(fixed.chain(targets).collect())
    }

    /// These, each behind the address of what it says.
    pub(in crate::cli) fn of(flags: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(flags.into_iter().collect())
    }

    /// A problem without its places.
    pub(in crate::cli) fn tell(&self, problem: &Diagnostic) -> String {
        let mut help = problem.advice().unwrap_or_default().to_owned();
        for (phrase, flag) in PHRASES {
            help = help.replace(phrase, flag);
        }
        let hosts = quoted(&help).find(|word| word.starts_with("run.allow_hosts")).map(str::to_owned);
        if let Some(hosts) = hosts {
            help = help.replace(&format!("`{hosts}` or "), "");
        }
        format!("error: {}\n  help: {}", self.named(problem.message()), self.named(&help))
    }

    /// A text with flags in place of addresses and of values that are set.
    fn named(&self, text: &str) -> String {
        let named = text.split('`').enumerate().map(|(number, part)| {
            match part.split_once(" = ").filter(|(address, _)| address.contains('.')) {
                _ if number % 2 == 0 => part.to_owned(),
                Some((address, value)) => format!("`--set {address}={}`", value.trim_matches('"')),
                None => format!("`{}`", self.flag(part).unwrap_or(part)),
            }
        });
        named.collect()
    }

    /// The flag that says what is at an address, or around it.
    fn flag(&self, address: &str) -> Option<&str> {
        let says = |of: &String| {
            address.strip_prefix(of.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().find(|(of, _)| says(of)).map(|(_, flag)| flag.as_str())
    }
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
