//! `[workloads.NAME]`.

use super::{
    super::{
        Bin, Conversation, Language, Lengths, Mix, PromptLength, Snippets, Synthetic, Workload,
        merge::{DISTRIBUTIONS, KINDS},
        tree::{Node, Table, Value},
    },
    LONGEST,
    dataset::dataset,
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
    trace::{replay, trace},
};

/// Turns of a conversation at most: what is sent grows with their square.
const MOST_TURNS: u32 = 1_000;

const LENGTH_HELP: &str = "write a number, or a distribution such as `{ uniform = { min = 50, max = 200 } }`";

const HISTOGRAM_HELP: &str =
    "write its bins: `[{ min = 1, max = 64, weight = 3 }, { min = 65, max = 256, weight = 1 }]`";

/// Reads a workload.
pub(super) fn workload(fields: &mut Fields<'_>) -> Option<Workload> {
    const MISSING: &str = "add `synthetic = { prompt_tokens = 100 }`";
    match fields.variant(KINDS, MISSING, "keep one")? {
        "snippets" => snippets(fields.table_at("snippets")?).map(Workload::Snippets),
        "conversation" => conversation(fields.table_at("conversation")?).map(Workload::Conversation),
        "dataset" => dataset(fields.table_at("dataset")?).map(Workload::Dataset),
        "trace" => trace(fields.table_at("trace")?).map(Workload::Trace),
        "replay" => replay(fields.table_at("replay")?).map(Workload::Trace),
        _ => synthetic(fields.table_at("synthetic")?).map(Workload::Synthetic),
    }
}

fn synthetic(mut synthetic: Fields<'_>) -> Option<Synthetic> {
    let words = synthetic.variant(
        &["prompt_tokens", "prompt_words"],
        "add `prompt_tokens = 100`",
        "keep one: a prompt is as long as its tokens or as its words say",
    );
    let prompt = match words {
        Some("prompt_words") => lengths(&mut synthetic, "prompt_words").map(PromptLength::Words),
        Some(_) => lengths(&mut synthetic, "prompt_tokens").map(PromptLength::Tokens),
        None => None,
    };
    let output_tokens = lengths(&mut synthetic, "output_tokens");
    let prefix = synthetic.get("prefix", leaf::text);
    let shared = synthetic.variant(
        &["shared_prefix_tokens", "shared_prefix_share"],
        "add `shared_prefix_tokens = 0`",
        "keep one: what prompts share is so many tokens, or such a share of all",
    );
    let (tokens, share) = match shared {
        Some("shared_prefix_share") => (Some(0), synthetic.get("shared_prefix_share", known_share).map(Some)),
        Some(_) => (synthetic.get("shared_prefix_tokens", shared_tokens), Some(None)),
        None => (None, None),
    };
    let groups = synthetic.get("shared_prefix_groups", groups);
    synthetic.finish();
    Some(Synthetic {
        prompt: prompt?,
        output_tokens: output_tokens?,
        prefix: prefix?,
        shared_prefix_tokens: tokens?,
        shared_prefix_share: share?,
        shared_prefix_groups: groups?,
    })
}

/// The share of prompts that others know: something has to be their own.
fn known_share(node: &Node) -> Read<f64> {
    match leaf::share(node)? {
        share if share > 0.99 => wrong(
            node,
            "must be 99 % or less",
            "leaves prompts nothing of their own",
            "write a smaller share: `\"60%\"`",
        ),
        share => Ok(share),
    }
}

/// Texts that prompts share at most: each of them is kept.
const MOST_GROUPS: u32 = 10_000;

fn groups(node: &Node) -> Read<u32> {
    match leaf::count::<u32>(1)(node)? {
        groups if groups > MOST_GROUPS => {
            wrong(node, format!("must be {MOST_GROUPS} or less"), "too many", "write a smaller number")
        }
        groups => Ok(groups),
    }
}

fn shared_tokens(node: &Node) -> Read<u32> {
    let tokens = leaf::count::<u32>(0)(node)?;
    if tokens > LONGEST { leaf::length(node) } else { Ok(tokens) }
}

fn conversation(mut conversation: Fields<'_>) -> Option<Conversation> {
    let turns = conversation.get("turns", |node| match leaf::count::<u32>(1)(node)? {
        turns if turns > MOST_TURNS => wrong(
            node,
            format!("must be {MOST_TURNS} or less"),
            "too many",
            "write a smaller number: each turn sends all that was said before",
        ),
        turns => Ok(turns),
    });
    let prompt = lengths(&mut conversation, "prompt_tokens").map(PromptLength::Tokens);
    let output_tokens = lengths(&mut conversation, "output_tokens");
    let prefix = conversation.get("prefix", leaf::text);
    let shared = conversation.get("shared_prefix_tokens", shared_tokens);
    let think_time = conversation.get("think_time", leaf::duration);
    conversation.finish();
    let said = Synthetic {
        prompt: prompt?,
        output_tokens: output_tokens?,
        prefix: prefix?,
        shared_prefix_tokens: shared?,
        shared_prefix_share: None,
        shared_prefix_groups: 1,
    };
    Some(Conversation { turns: turns?, said, think_time: think_time? })
}

fn snippets(mut snippets: Fields<'_>) -> Option<Snippets> {
    let prompt_tokens = lengths(&mut snippets, "prompt_tokens");
    let output_tokens = lengths(&mut snippets, "output_tokens");
    let prefix = snippets.get("prefix", leaf::text);
    let mix = snippets
        .table_or("mix", "write a weight for each language: `mix = { python = 1, react = 1 }`")
        .and_then(mix);
    snippets.finish();
    Some(Snippets {
        prompt_tokens: prompt_tokens?,
        output_tokens: output_tokens?,
        prefix: prefix?,
        mix: mix?,
    })
}

/// Reads weights; a language that is not named has none.
fn mix(mut table: Fields<'_>) -> Option<Mix> {
    let mut named = false;
    let [javascript, typescript, python, react] = Language::ALL.map(|language| {
        let there = table.node(language.name()).is_some();
        named |= there;
        if there { table.get(language.name(), leaf::not_negative) } else { Some(0.0) }
    });
    let weights =
        || Some(Mix { javascript: javascript?, typescript: typescript?, python: python?, react: react? });
    let mix = weights();
    // where there are names and none is known, that is the problem
    let empty = table.node.as_table().is_none_or(Table::is_empty);
    if (named || empty)
        && mix.is_some_and(|mix| Language::ALL.iter().all(|language| mix.weight(*language) <= 0.0))
    {
        table.refuse("weighs no language", "every weight is 0", "give one a weight above 0: `python = 1`");
        return None;
    }
    table.finish();
    mix
}

/// Reads a distribution of lengths: a number alone is constant.
pub(super) fn lengths(fields: &mut Fields<'_>, key: &'static str) -> Option<Lengths> {
    let node = fields.node(key)?;
    match &node.value {
        Value::Table(_) => distribution(fields.table_at(key)?),
        Value::Text(_) | Value::Bool(_) | Value::List(_) | Value::Date(_) => {
            fields.get(key, |node| leaf::mismatch(node, "a whole number or a distribution", LENGTH_HELP))
        }
        _ => fields.get(key, leaf::length).map(Lengths::Constant),
    }
}

fn distribution(mut table: Fields<'_>) -> Option<Lengths> {
    let kind = table.variant(DISTRIBUTIONS, LENGTH_HELP, "keep one distribution");
    let lengths = match kind {
        Some("constant") => table.get("constant", leaf::length).map(Lengths::Constant),
        Some("uniform") => table.table_at("uniform").and_then(|mut of| {
            let min = of.require("min", "min = 50", leaf::length);
            let max = of.require("max", "max = 200", leaf::length);
            let range = range(&mut of, min, max);
            of.finish();
            range.map(|(min, max)| Lengths::Uniform { min, max })
        }),
        Some(kind @ ("normal" | "lognormal")) => table.table_at(kind).and_then(|mut of| {
            let mean = of.require("mean", "mean = 100", leaf::positive);
            let std_dev = of.require("std_dev", "std_dev = 30", leaf::not_negative);
            let range = clip(&mut of);
            of.finish();
            let (mean, std_dev, (min, max)) = (mean?, std_dev?, range?);
            Some(if kind == "normal" {
                Lengths::Normal { mean, std_dev, min, max }
            } else {
                Lengths::Lognormal { mean, std_dev, min, max }
            })
        }),
        Some("histogram") => histogram(&mut table).map(Lengths::Histogram),
        Some(_) => table.table_at("poisson").and_then(|mut of| {
            let mean = of.require("mean", "mean = 15", leaf::positive);
            let range = clip(&mut of);
            of.finish();
            let (mean, (min, max)) = (mean?, range?);
            Some(Lengths::Poisson { mean, min, max })
        }),
        None => None,
    };
    table.finish();
    lengths
}

/// Reads the bins of a histogram.
fn histogram(table: &mut Fields<'_>) -> Option<Vec<Bin>> {
    let address = table.address("histogram");
    // only that it is a list; each bin is read as a table of its own below
    let nodes = table.get("histogram", |node| match &node.value {
        Value::List(items) if !items.is_empty() => Ok(items.as_slice()),
        Value::List(_) => wrong(node, "must not be empty", "nothing in it", HISTOGRAM_HELP),
        _ => leaf::mismatch(node, "a list of bins", HISTOGRAM_HELP),
    })?;
    let bins: Vec<Option<Bin>> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| bin(table.element(&format!("{address}[{index}]"), node)?))
        .collect();
    let bins: Vec<Bin> = bins.into_iter().collect::<Option<_>>()?;
    if bins.iter().all(|bin| bin.weight <= 0.0) {
        return table.get("histogram", |node| {
            wrong(node, "weighs no length", "every weight is 0", "give one bin a weight above 0")
        });
    }
    Some(bins)
}

fn bin(mut of: Fields<'_>) -> Option<Bin> {
    let min = of.require("min", "min = 1", leaf::length);
    let max = of.require("max", "max = 64", leaf::length);
    let weight = of.require("weight", "weight = 1", leaf::not_negative);
    let range = range(&mut of, min, max);
    of.finish();
    let ((min, max), weight) = (range?, weight?);
    Some(Bin { min, max, weight })
}

/// `min` and `max` where they are optional.
fn clip(of: &mut Fields<'_>) -> Option<(u32, u32)> {
    let min = if of.node("min").is_some() { of.get("min", leaf::length) } else { Some(1) };
    let max = if of.node("max").is_some() { of.get("max", leaf::length) } else { Some(LONGEST) };
    range(of, min, max)
}

/// Both ends, in order.
fn range(of: &mut Fields<'_>, min: Option<u32>, max: Option<u32>) -> Option<(u32, u32)> {
    let (min, max) = (min?, max?);
    if min <= max {
        return Some((min, max));
    }
    let other = of.node("max").map(|node| (node.place.clone(), "`max` here".to_owned()));
    of.get("min", |node: &Node| -> Read<(u32, u32)> {
        let Some(other) = other else {
            return wrong(node, format!("must be {max} or less"), "too large", "write a smaller number");
        };
        Err(vec![Wrong {
            place: node.place.clone(),
            what: format!("is above `max`: {min} > {max}"),
            label: "`min` here".to_owned(),
            help: "write a `min` that is not above `max`".to_owned(),
            other: Some(other),
        }])
    })
}
