//! `endpoints.NAME.model`: a name, `"auto"`, or several names with weights.

use super::{
    super::{
        Model, ModelMix,
        tree::{Node, Table, Value},
    },
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
};

const NAME_HELP: &str = "name a model, or write `\"auto\"` for the first that the server lists";
const MIX_HELP: &str = "write a weight above 0 for each model: `{ \"llama-8b\" = 0.8, \"my-lora\" = 0.2 }`";

/// Reads the model.
pub(super) fn model(fields: &mut Fields<'_>) -> Option<Model> {
    fields.get("model", |node| match node.as_table() {
        Some(table) => mix(node, table),
        None => one(node),
    })
}

fn one(node: &Node) -> Read<Model> {
    if node.as_text().is_none() {
        let help = if matches!(node.value, Value::List(_)) { MIX_HELP } else { "put the name in quotes" };
        return leaf::mismatch(node, "a name or a table of weights", help);
    }
    let name = leaf::text(node)?;
    match name.as_str() {
        "auto" => Ok(Model::Auto),
        "" => wrong(node, "must not be empty", "empty", NAME_HELP),
        _ => Ok(Model::Named(name)),
    }
}

/// A table of weights. One of a single model is that model.
fn mix(node: &Node, table: &Table) -> Read<Model> {
    if table.is_empty() {
        return wrong(node, "names no model", "nothing in it", MIX_HELP);
    }
    // what a variable should have given is told where it is named
    let known = table.iter().filter(|(_, node)| !matches!(node.value, Value::Unknown));
    let weights = collect(known.map(|(name, node)| weight(name, node)))?;
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    if !total.is_finite() {
        return wrong(node, "has weights that sum to no number", "too large", "write smaller weights");
    }
    Ok(match weights.as_slice() {
        [] => Model::Auto,
        [(name, _)] => Model::Named(name.clone()),
        _ => Model::Mix(ModelMix::of(weights.into_iter().collect())),
    })
}

fn weight(name: &str, node: &Node) -> Read<(String, f64)> {
    let unnamed = match name {
        "" => Some("has a model without a name"),
        "auto" => Some("has `auto`, which is not the name of a model"),
        _ => None,
    };
    if let Some(what) = unnamed {
        let (place, what) = (node.key.clone(), what.to_owned());
        return Err(vec![Wrong {
            place,
            what,
            label: "no name".to_owned(),
            help: MIX_HELP.to_owned(),
            other: None,
        }]);
    }
    let weight = leaf::positive(node).map_err(|mut failures| {
        for failure in &mut failures {
            failure.what = format!("gives `{name}` a weight that {}", failure.what);
            MIX_HELP.clone_into(&mut failure.help);
        }
        failures
    })?;
    Ok((name.to_owned(), weight))
}

/// All values, or all that is wrong with any.
fn collect<T>(reads: impl Iterator<Item = Read<T>>) -> Read<Vec<T>> {
    let (mut values, mut failures) = (Vec::new(), Vec::new());
    for read in reads {
        match read {
            Ok(value) => values.push(value),
            Err(wrong) => failures.extend(wrong),
        }
    }
    if failures.is_empty() { Ok(values) } else { Err(failures) }
}
