//! `load.search`.

use super::{
    super::{
        Search, Sought, Until,
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, wrong},
    load::arrivals,
};

const OVER_HELP: &str = "add `rate = { from = 1, to = 200 }` or `users = { from = 1, to = 64 }`";
const ENDS_HELP: &str = "write `{ from = 1, to = 64 }`: the first level, and the highest that may be tried";
const UNTIL_HELP: &str = "write `\"targets\"` for all limits on latency and errors, names such as `[\"first_token\"]`, or `\"broken\"`";

/// The finest step between two levels that a search may be asked for, and the coarsest that still says anything.
const PRECISION: std::ops::RangeInclusive<f64> = 0.01..=0.5;

pub(super) fn search(mut fields: Fields<'_>) -> Option<Search> {
    let both = "keep one: a search goes over one of the two";
    let kind = fields.variant(&["rate", "users"], OVER_HELP, both);
    let ends = match kind {
        Some("rate") => ends(&mut fields, "rate", leaf::positive_rate),
        Some(_) => ends(&mut fields, "users", |node| leaf::count::<u32>(1)(node).map(f64::from)),
        None => None,
    };
    let process = arrivals(&mut fields);
    let step = fields.get("step", leaf::positive_duration);
    let precision = fields.get("precision", precision);
    let until = fields.get("until", until);
    fields.finish();
    let ((from, to), arrivals) = (ends?, process?);
    let over = if kind == Some("rate") { Sought::Rate { arrivals } } else { Sought::Users };
    Some(Search { over, from, to, step: step?, precision: precision?, until: until? })
}

/// The levels that it goes between.
fn ends(
    fields: &mut Fields<'_>,
    key: &'static str,
    level: impl Fn(&Node) -> Read<f64>,
) -> Option<(f64, f64)> {
    let mut table = fields.table_or(key, ENDS_HELP)?;
    let from = table.require("from", "from = 1", &level);
    let to = table.require("to", "to = 64", |node| {
        let to = level(node)?;
        match from {
            Some(from) if to <= from => wrong(
                node,
                format!("must be above `from`, found {to}"),
                "nothing between the two",
                "write the highest level that may be tried",
            ),
            _ => Ok(to),
        }
    });
    table.finish();
    from.zip(to)
}

fn precision(node: &Node) -> Read<f64> {
    let share = leaf::share(node)?;
    if PRECISION.contains(&share) {
        return Ok(share);
    }
    wrong(
        node,
        format!("must be 1 % to 50 %, found {share}"),
        "no step between two levels",
        "write `\"5%\"`; a finer one takes longer steps as well",
    )
}

fn until(node: &Node) -> Read<Until> {
    match &node.value {
        Value::Text(text) | Value::Filled(text) => match text.as_str() {
            "targets" => Ok(Until::Targets),
            "broken" => Ok(Until::Broken),
            other => {
                wrong(node, format!("cannot be `{other}`"), "neither `targets` nor `broken`", UNTIL_HELP)
            }
        },
        Value::List(_) => leaf::distinct(node, leaf::text).map(Until::Named),
        _ => leaf::mismatch(node, "`\"targets\"`, names of targets or `\"broken\"`", UNTIL_HELP),
    }
}
