//! `[alerts.NAME]` and `[alerting]`.

use std::time::Duration;

use super::{
    super::{
        Alert, Alerting, Beyond, Condition, Webhook,
        headers::drawn,
        tree::{Node, Value},
    },
    fields::Fields,
    headers,
    leaf::{self, Read, wrong},
    metric::metric,
    targets::severity,
    url::{self, Hints},
};
use crate::{
    catalog::{MetricName, Unit},
    units::{self, UnitError, write_duration},
};

const EXAMPLE: &str = "when = \"ttft.p95 > 800ms\"";
const HELP: &str =
    "write a metric, one of `>`, `>=`, `<`, `<=`, and a value in its unit: `when = \"ttft.p95 > 800ms\"`";
const WEBHOOK_HELP: &str = "write `webhook = { url = \"http://HOST:PORT/PATH\" }`";
const URL_HELP: &str = "write `url = { env = \"NAME\" }` or `url = { file = \"path\" }`";
const HINTS: Hints = Hints {
    example: "http://HOST:PORT/PATH",
    secret: "remove it, and put what identifies the sender into `headers`; or write `url = { env = \"NAME\" }`",
    query: "what stands there is often a secret: write `url = { env = \"NAME\" }`",
};

/// Reads an alert.
pub(super) fn alert(fields: &mut Fields<'_>) -> Option<Alert> {
    let when = fields.require("when", EXAMPLE, condition);
    let hold = fields.get("for", leaf::duration);
    let window = fields.get("window", |node| within(node, Alert::SHORTEST));
    let cooldown = fields.get("cooldown", |node| within(node, Duration::ZERO));
    let severity = severity(fields);
    let selectors = ["phase", "endpoint"].map(|key| {
        let given = fields.node(key).is_some();
        (given, fields.get(key, leaf::text))
    });
    if selectors.iter().any(|(given, value)| *given && value.is_none()) {
        return None;
    }
    let [(_, phase), (_, endpoint)] = selectors;
    Some(Alert {
        when: when?,
        hold: hold?,
        window: window?,
        cooldown: cooldown?,
        severity: severity?,
        phase,
        endpoint,
    })
}

fn within(node: &Node, least: Duration) -> Read<Duration> {
    let given = leaf::duration(node)?;
    let most = Alert::LONGEST;
    if (least..=most).contains(&given) {
        return Ok(given);
    }
    let limits = format!("from {} to {}", write_duration(least), write_duration(most));
    let label = if given < least { "too short" } else { "too long" };
    wrong(
        node,
        format!("must be {limits}, found {}", write_duration(given)),
        label,
        format!("write a time {limits}"),
    )
}

/// Reads `ttft.p95 > 800ms`.
fn condition(node: &Node) -> Read<Condition> {
    let text = leaf::text(node)?;
    let Some(at) = text.find(['<', '>']) else {
        return wrong(node, "compares nothing", "none of `>`, `>=`, `<`, `<=`", HELP);
    };
    let (name, rest) = text.split_at(at);
    let (sign, value) = rest.split_at(if rest[1..].starts_with('=') { 2 } else { 1 });
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || value.is_empty() {
        let label = if name.is_empty() { "no metric before it" } else { "no value behind it" };
        return wrong(node, "is no whole condition", label, HELP);
    }
    let named = Node { value: Value::Text(name.to_owned()), ..node.clone() };
    let metric = metric(&named)?;
    let limit = limit(node, metric, value)?;
    let is = match sign {
        ">" => Beyond::Above(limit),
        ">=" => Beyond::AtLeast(limit),
        "<" => Beyond::Below(limit),
        _ => Beyond::AtMost(limit),
    };
    // a value that nothing can be beyond is a slip of the pen
    let never = match is {
        Beyond::Above(limit) => metric.metric.unit() == Unit::Share && limit >= 1.0,
        Beyond::Below(limit) => limit <= 0.0,
        _ => false,
    };
    if never {
        let help = "write a limit that a value can be beyond";
        return wrong(node, format!("can never be so: nothing is {sign} {value}"), "never so", help);
    }
    Ok(Condition { metric, is })
}

/// Reads the value of a condition, in the unit of its metric.
fn limit(node: &Node, metric: MetricName, text: &str) -> Read<f64> {
    let unit = metric.metric.unit();
    let (what, example, read) = match unit {
        Unit::Seconds => ("a duration", "800ms", units::parse_duration(text).map(|time| time.as_secs_f64())),
        Unit::Share => ("a share", "5%", units::parse_share(text)),
        Unit::TokensPerSecond | Unit::RequestsPerSecond => ("a rate", "30/s", units::parse_rate(text)),
        // no size that is written is near 2⁵³
        Unit::Bytes => ("a size", "8GiB", units::parse_bytes(text).map(|bytes| bytes as f64)),
        Unit::Number | Unit::Money | Unit::Celsius | Unit::Megahertz | Unit::Watts | Unit::Joules => {
            ("a number from 0 up", "85", plain(text))
        }
    };
    read.or_else(|error| {
        let what = format!("has a value that is not {what}, which `{metric}` takes: {error}");
        wrong(node, what, format!("`{text}`"), format!("write a value such as `{metric} > {example}`"))
    })
}

/// A number without a unit.
fn plain(text: &str) -> Result<f64, UnitError> {
    let number = text.replace('_', "").parse::<f64>();
    number
        .ok()
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| UnitError::NoNumber(text.to_owned()))
}

/// Reads `[alerting]`.
pub(super) fn alerting(mut fields: Fields<'_>) -> Option<Alerting> {
    let defaults = fields.get("defaults", leaf::boolean);
    let told = fields.node("webhook").is_some();
    let webhook = fields.table_or("webhook", WEBHOOK_HELP).and_then(webhook);
    fields.finish();
    if told && webhook.is_none() {
        return None;
    }
    Some(Alerting { defaults: defaults?, webhook })
}

fn webhook(mut fields: Fields<'_>) -> Option<Webhook> {
    fields.need("url", "add `url = \"http://HOST:PORT/PATH\"`, or `url = { env = \"NAME\" }`")?;
    let node = fields.node("url")?;
    let url = headers::text_or_secret(&fields, "url", node, &address, "NAME");
    let headers = headers::headers(&mut fields);
    fields.finish();
    Some(Webhook { url: url?, headers: headers? })
}

/// The URL of a webhook; one whose path was drawn rather than written is a secret.
fn address(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    let text = text.trim();
    if !url::is_http(text) {
        let help = format!("write `\"{}\"`", HINTS.example);
        return wrong(node, "must start with `http://` or `https://`", "not such a URL", help);
    }
    let path = url::check(node, text, &HINTS)?;
    if drawn(&path).next().is_some() {
        return headers::literal(node, URL_HELP);
    }
    Ok(text.to_owned())
}
