//! `[alerts.NAME]` and `[alerting]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use super::{
    servers::Secret,
    several::{AnyOf, Headers, Word},
    shape::{partial, up_to},
    values::{Duration, Flag, LocalUrl, Name, PositiveDuration, any_of},
};
use crate::{catalog::MetricName, config::Severity};

/// `[alerts.NAME]`: what is told while a run goes on, in the terminal, in the report, and to a webhook. It judges nothing: a window that
/// is looked at again and again is beyond any limit now and then.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Alert {
    /// A metric, one of `>`, `>=`, `<`, `<=`, and a value in its unit. Of a count that is read it is by how much it grew in the window. A
    /// share is beyond its limit where its interval of 95 % is, and three requests say so.
    #[schemars(extend("examples" = ["ttft.p95 > 800ms", "error_rate > 5%", "system.memory.mean > 90%"]))]
    when: Condition,
    /// For how long that must be so before it fires.
    #[schemars(rename = "for", extend("examples" = ["10s"]))]
    hold: Duration,
    /// The sliding window over which the metric is taken.
    #[schemars(extend("examples" = ["1m"]), transform = up_to(24 * 3600))]
    window: PositiveDuration,
    /// The shortest time from one firing to the next.
    #[schemars(extend("examples" = ["5m"]), transform = up_to(24 * 3600))]
    cooldown: Duration,
    /// What it means; with `fail` a run in which it fired fails, whatever the targets say, and the grade stays what they make it.
    severity: Word<Severity>,
    /// Only in this phase. Elsewhere in every measured one, and of readings all the time.
    #[schemars(extend("examples" = ["ramp"]))]
    phase: Name,
    /// Only for this endpoint, or its server.
    #[schemars(extend("examples" = ["flash"]))]
    endpoint: Name,
}

/// `[alerting]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Alerting {
    /// Whether there are alerts that nobody wrote: what misses a target in a window of 30 s for 10 s; failures and time-outs where no
    /// target limits them; memory, processors and GPUs near their limits; servers that end.
    defaults: Flag,
    /// Where each alert is sent as a JSON document.
    webhook: Webhook,
}

/// `[alerting.webhook]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Webhook {
    /// Where to. A URL with a secret in it is a reference.
    #[schemars(extend("examples" = ["http://127.0.0.1:9095/alerts", { "env": "WEBHOOK_URL" }]))]
    url: AnyOf<LocalUrl, Secret>,
    /// Headers that go with each. One that carries a secret, such as `authorization`, is a reference.
    #[schemars(extend("examples" = [{ "authorization": { "env": "BEARER" } }]))]
    headers: Headers<Secret>,
}

/// A metric beyond a limit.
enum Condition {}

impl JsonSchema for Condition {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = MetricName::all().map(|name| name.replace('.', r"\.")).collect();
        let pattern = format!(r"^\s*(?:{})\s*[<>]=?\s*[+._]*[0-9].*$", names.join("|"));
        any_of([json!({ "type": "string", "pattern": pattern })])(generator)
    }
}
