//! `scenario run --url`: the scenario that stands for a few flags.

mod flags;

use std::fmt::Write as _;

pub(super) use self::flags::Flags;
use super::{
    Overrides,
    load::compile,
    starter::{Server, number_or_text, quoted},
    terminal::{self, Terminal},
};
use crate::{
    catalog::Protocol,
    config::{Diagnostic, Problems},
    machine::Machine,
    plan::Plan,
    workload::Datasets,
};

/// How problems call the text.
pub(super) const NAME: &str = "the scenario of --url";

/// Requests of the load where the flags name neither a number nor a time.
const REQUESTS: u64 = 100;

/// Users where the flags name neither users nor a rate.
const USERS: u32 = 4;

/// A load on one server without a file.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Without a file")]
pub(super) struct ByUrl {
    /// Load the server at this base URL, such as `http://127.0.0.1:8080/v1`, or `sim:NAME`
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The model to ask for; the first that the server lists by default
    #[arg(long, value_name = "MODEL", requires = "url")]
    model: Option<String>,
    /// What the server speaks; `openai_chat` by default
    #[arg(long, value_name = "PROTOCOL", requires = "url", value_parser = super::probe::protocol)]
    protocol: Option<Protocol>,
    /// Environment variable that holds the key of the server
    #[arg(long, value_name = "NAME", requires = "url")]
    api_key_env: Option<String>,
    /// So many users, each with one request at a time; 4 by default
    #[arg(long, value_name = "N", requires = "url", conflicts_with = "rate")]
    users: Option<u32>,
    /// Random arrivals at so many requests per second instead of users
    #[arg(long, value_name = "RATE", requires = "url")]
    rate: Option<String>,
    /// End after so many requests; 100 where there is no `--duration` either
    #[arg(long, value_name = "N", requires = "url")]
    requests: Option<u64>,
    /// End after so long, such as `60s`
    #[arg(long, value_name = "DURATION", requires = "url")]
    duration: Option<String>,
    /// Tokens of every prompt; about 128 by default
    #[arg(long, value_name = "N", requires = "url")]
    prompt_tokens: Option<u32>,
    /// Tokens of output to ask for; 64 by default
    #[arg(long, value_name = "N", requires = "url")]
    output_tokens: Option<u32>,
    /// What must hold, such as `'ttft.p95<=500ms'` or `'output_tokens_per_second>=100'`; may be repeated
    #[arg(long = "target", value_name = "METRIC<=LIMIT", requires = "url", value_parser = target)]
    targets: Vec<Target>,
    /// Print the scenario that the flags stand for instead of running it
    #[arg(long, requires = "url")]
    pub(super) print: bool,
}

/// A target in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    metric: String,
    /// `at_most` or `at_least`.
    bound: &'static str,
    limit: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.bound == "at_most" { "<=" } else { ">=" };
        write!(f, "{}{sign}{}", self.metric, self.limit)
    }
}

fn target(text: &str) -> Result<Target, String> {
    let signs = [("<=", "at_most"), (">=", "at_least"), ("≤", "at_most"), ("≥", "at_least")];
    let parts = signs.iter().find_map(|(sign, bound)| Some((text.split_once(sign)?, *bound)));
    match parts.map(|((metric, limit), bound)| (metric.trim(), limit.trim(), bound)) {
        Some((metric, limit, bound)) if !metric.is_empty() && !limit.is_empty() => {
            Ok(Target { metric: metric.to_owned(), bound, limit: limit.to_owned() })
        }
        _ => Err("write METRIC<=LIMIT or METRIC>=LIMIT, such as 'ttft.p95<=500ms'".to_owned()),
    }
}

impl ByUrl {
    /// The scenario as TOML; `None` where there is no `--url`.
    pub(super) fn text(&self, overrides: &Overrides) -> Option<String> {
        let url = self.url.clone()?;
        let model = self.model.clone().unwrap_or_else(|| "auto".to_owned());
        let named = self.model.is_some();
        let server = Server {
            url,
            protocol: self.protocol.unwrap_or(Protocol::OpenaiChat),
            model,
            model_note: if named { "named by `--model`" } else { "the first that the server lists" }
                .to_owned(),
            api_key_env: self.api_key_env.clone(),
            allow_hosts: overrides.permissions.hosts().to_vec(),
        };
        let sections = [head(overrides), server.tables(), self.workload(), self.phases(), self.targets()];
        let sections: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        Some(sections.join("\n"))
    }

    fn workload(&self) -> String {
        let (prompt, output) = (self.prompt_tokens, self.output_tokens);
        if prompt.is_none() && output.is_none() {
            return String::new();
        }
        let line =
            |key: &str, tokens: Option<u32>| tokens.map_or(String::new(), |n| format!("{key} = {n}\n"));
        format!(
            "# Made-up text, so that no request finds another one's prompt in a cache.\n[workloads.prompts.synthetic]\n{}{}",
            line("prompt_tokens", prompt),
            line("output_tokens", output)
        )
    }

    fn phases(&self) -> String {
        let requests = self.requests.or_else(|| self.duration.is_none().then_some(REQUESTS));
        let requests = requests.map_or(String::new(), |n| format!("requests = {n}\n"));
        let duration = self.duration.as_deref().map(|text| format!("duration = {}\n", number_or_text(text)));
        let load = match &self.rate {
            Some(rate) => {
                format!("load.open = {{ arrivals = \"poisson\", rate = {} }}\n", number_or_text(rate))
            }
            None => format!("load.closed = {{ users = {} }}\n", self.users.unwrap_or(USERS)),
        };
        format!(
            "# The first requests pay for cold caches and new connections. They are kept apart.\n\
             [phases.warmup]\nmeasure = false\nrequests = 2\nload.closed = {{ users = 1 }}\n\n\
             [phases.load]\n{requests}{}{load}",
            duration.unwrap_or_default()
        )
    }

    fn targets(&self) -> String {
        let tables = self.named_targets().map(|(name, Target { metric, bound, limit })| {
            format!(
                "[targets.{name}]\nmetric = {}\nphase = \"load\"\n{bound} = {}\n",
                quoted(metric),
                number_or_text(limit)
            )
        });
        tables.collect::<Vec<_>>().join("\n")
    }

    /// Each target with the name that it has in the scenario.
    fn named_targets(&self) -> impl Iterator<Item = (String, &Target)> {
        let mut names: Vec<String> = Vec::new();
        self.targets.iter().map(move |target| {
            let plain = target.metric.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            let taken = names.iter().filter(|name| **name == plain).count();
            names.push(plain.clone());
            (if taken == 0 { plain } else { format!("{plain}-{}", taken + 1) }, target)
        })
    }

    /// Says what is wrong with the flags, and where that is what is laid over the scenario, where it stands there.
    pub(super) fn say(&self, problems: &Problems, terminal: Terminal) {
        let flags = Flags::new(self.named_targets().map(|(name, target)| (name, target.to_string())));
        let of_flags =
            |problem: &&Diagnostic| problem.labels().first().is_none_or(|label| label.source() == NAME);
        let (own, others): (Vec<&Diagnostic>, Vec<&Diagnostic>) = problems.iter().partition(of_flags);
        for problem in own {
            terminal::say(&flags.tell(problem));
        }
        if !others.is_empty() {
            let others: Problems = others.into_iter().cloned().collect();
            terminal::say(&others.render(terminal.color_err()));
        }
    }
}

/// The plans of that scenario, under the other flags of the command.
pub(super) fn plans(
    text: &str,
    overrides: &Overrides,
    machine: &Machine,
    datasets: &mut Datasets,
) -> Result<Vec<Plan>, Problems> {
    compile(NAME, text, overrides, machine, datasets)
}

fn head(overrides: &Overrides) -> String {
    let mut flags = String::new();
    // writing to a string does not fail
    for (flag, value) in overrides.flags() {
        let _ = write!(flags, " {flag} '{}'", value.replace('\'', r"'\''").replace('\n', " "));
    }
    format!(
        "# What `scenario run --url` was asked for, as a scenario: the same experiment, and a start for one's own.\n\
         #\n\
         #   scenario run FILE{flags}\n\
         #\n\
         # `scenario schema` prints every key and metric with examples; `scenarios/README.md`, beside the source of the\n\
         # program, explains them.\n\n\
         version = 1\n\
         name = \"url\"\n\
         seed = 42 # every random choice follows from it: the same seed sends the same requests at the same times\n"
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        files: Vec<String>,
        #[command(flatten)]
        by_url: ByUrl,
        #[command(flatten)]
        overrides: Overrides,
    }

    /// The text for some flags, which is the same experiment read from anywhere.
    fn text(flags: &[&str]) -> String {
        let Command { by_url, overrides, .. } =
            Command::try_parse_from(["run"].iter().chain(flags)).expect("valid flags");
        let text = by_url.text(&overrides).expect("a url");
        let plans = plans(&text, &overrides, &Machine::default(), &mut Datasets::default());
        let plans = plans.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let again = compile("saved.toml", &text, &overrides, &Machine::default(), &mut Datasets::default())
            .expect("the same scenario");
        assert_eq!(plans[0].experiment, again[0].experiment);
        text
    }

    #[test]
    fn flags_stand_for_a_scenario() {
        insta::assert_snapshot!("few_flags", text(&["--url", "http://127.0.0.1:8080/v1"]));
        insta::assert_snapshot!(
            "many_flags",
            text(&[
                "--url=https://api.example.com/v1",
                "--allow-host=api.example.com",
                "--model=a \"model\" of ${HOME}",
                "--protocol=openai_completions",
                "--api-key-env=A_KEY",
                "--rate=90/min",
                "--duration=1m30s",
                "--requests=120",
                "--prompt-tokens=100",
                "--output-tokens=32",
                "--target=ttft.p95 <= 500ms",
                "--target=ttft.p95>=1ms",
                "--target=error_rate<=0.05",
                "--platform=rtx_4090",
                "--set=run.label=it's mine",
                "--ceiling=requests=200",
            ])
        );
    }

    #[test]
    fn targets_in_one_word() {
        let of = |text: &str| target(text).map(|target| (target.metric, target.bound, target.limit));
        let parts = |metric: &str, bound, limit: &str| Ok((metric.to_owned(), bound, limit.to_owned()));
        assert_eq!(of("ttft.p95<=500ms"), parts("ttft.p95", "at_most", "500ms"));
        assert_eq!(of(" error_rate ≤ 5% "), parts("error_rate", "at_most", "5%"));
        assert_eq!(of("requests_per_second >= 3"), parts("requests_per_second", "at_least", "3"));
        for wrong in ["ttft.p95", "ttft.p95<500ms", "<=3", "ttft.p95<="] {
            assert!(of(wrong).is_err_and(|help| help.contains("METRIC<=LIMIT")), "{wrong}");
        }
    }

    #[test]
    fn numbers_stand_bare_and_the_rest_in_quotes() {
        for (text, toml) in [
            ("8", "8"),
            ("0.5", "0.5"),
            (" 60 ", "60"),
            ("1e3", "1e3"),
            ("007", "\"007\""),
            ("90/min", "\"90/min\""),
            ("inf", "\"inf\""),
            ("-1", "\"-1\""),
            ("5%", "\"5%\""),
        ] {
            assert_eq!(number_or_text(text), toml, "{text}");
        }
    }
}
