//! Two plans side by side: the values that differ, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Expected, LoadStep, Plan, Step, datasets, describe,
    experiment::hash_of_schema,
    origins::{in_one_line, place},
    render, tokenizers, totals, traces,
};
use crate::config::Origin;

/// The field that holds the hash.
const EXPERIMENT: &str = "experiment";

/// How one plan differs from another. Without differences every list is empty.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// Whether both are the same experiment: what is sent, and how.
    pub same_experiment: bool,
    /// What the plans are as a whole: `experiment`, `tool_version`, `platform`, `datasets` (the SHA-256 of each by its workload),
    /// `tokenizers` (the SHA-256 of each file, or the name of an encoding, by its endpoint),
    /// `schemas` (the SHA-256 of each that stands in a file, by its endpoint), `order` of the steps, and the totals.
    pub plan: Vec<FieldChange>,
    /// Values of the scenario by address, sorted by it. The same value from another place is no difference.
    pub values: Vec<ValueChange>,
    /// Steps that send requests: those of the first plan in its order, then what the second has besides.
    pub steps: Vec<StepChange>,
}

/// What became of something between the first plan and the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// A value that differs, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ValueChange {
    /// Its address.
    pub path: String,
    /// What became of it.
    pub change: Change,
    /// In the first plan.
    pub before: Option<Origin>,
    /// In the second plan.
    pub after: Option<Origin>,
}

/// A step that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepChange {
    /// Its phase, and its name where the phase has several.
    pub step: String,
    /// What became of it.
    pub change: Change,
    /// What differs: `after` (phases, where they are not the step before it), `load`, `pressure`, `endpoints`, `requests`,
    /// `input_tokens`, `output_tokens`, `duration_s`, `cost`. A side
    /// on which there is no such step is null.
    pub fields: Vec<FieldChange>,
}

/// A figure or a word that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// Its name.
    pub field: &'static str,
    /// In the first plan; null where there is none, or where it cannot be known before the run.
    pub before: Value,
    /// In the second plan, likewise.
    pub after: Value,
    /// Both as people read them; none on a side that has no such thing.
    #[serde(skip)]
    shown: [Option<String>; 2],
}

/// Compares two plans.
pub fn diff(before: &Plan, after: &Plan) -> Difference {
    Difference {
        same_experiment: before.experiment == after.experiment,
        plan: whole(before, after),
        values: values(&before.origins, &after.origins),
        steps: steps(before, after),
    }
}

impl Difference {
    /// Whether the plans are the same in everything that is compared.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty() && self.values.is_empty() && self.steps.is_empty()
    }

    /// As text for people; `before` and `after` say which two were compared.
    pub fn text(&self, before: &str, after: &str) -> String {
        let mut sections = vec![format!("- {before}\n+ {after}\n")];
        if self.is_empty() {
            sections.push("no difference\n".to_owned());
            return sections.join("\n");
        }
        if !self.values.is_empty() {
            sections.push(self.values.iter().map(ValueChange::text).collect());
        }
        sections.push(self.consequence());
        sections.join("\n")
    }

    /// Whether it is the same experiment, then one row for each figure of the plan and its steps that differs.
    fn consequence(&self) -> String {
        let experiment = self.plan.iter().find(|field| field.field == EXPERIMENT);
        let head = match experiment.map(|field| &field.shown) {
            Some([Some(before), Some(after)]) => format!("different: {before:.12} → {after:.12}"),
            _ => "the same".to_owned(),
        };
        let mut table = render::table();
        let figures = self.plan.iter().filter(|field| field.field != EXPERIMENT);
        for row in figures.filter_map(|field| field.row(Change::Changed.mark(), "plan")) {
            table.add_row(row);
        }
        for step in &self.steps {
            let fields =
                step.fields.iter().filter(|field| step.change == Change::Changed || field.field == "load");
            for row in fields.filter_map(|field| field.row(step.change.mark(), &step.step)) {
                table.add_row(row);
            }
        }
        format!("experiment {head}\n{}", render::lines(&table))
    }
}

impl Change {
    /// The sign in front of it.
    fn mark(self) -> &'static str {
        match self {
            Self::Added => "+",
            Self::Removed => "-",
            Self::Changed => "~",
        }
    }
}

impl ValueChange {
    /// The address, then each side with where it came from.
    fn text(&self) -> String {
        let side = |mark: &str, origin: &Option<Origin>| {
            let line =
                |origin: &Origin| format!("    {mark} {}  ({})\n", in_one_line(&origin.value), place(origin));
            origin.as_ref().map(line).unwrap_or_default()
        };
        let sides = [side("-", &self.before), side("+", &self.after)].concat();
        format!("{} {}\n{sides}", self.change.mark(), self.path)
    }
}

impl FieldChange {
    /// `None` where both sides are the same.
    fn between(field: &'static str, before: Option<Reading>, after: Option<Reading>) -> Option<Self> {
        let value = |side: &Option<Reading>| side.as_ref().map_or(Value::Null, |side| side.value.clone());
        let (old, new) = (value(&before), value(&after));
        let shown = [before, after].map(|side| Some(side?.shown));
        (old != new).then_some(Self { field, before: old, after: new, shown })
    }

    /// A row of the table; `None` where the difference is too small to be seen in it.
    fn row(&self, mark: &str, of: &str) -> Option<[String; 6]> {
        let [before, after] = &self.shown;
        let arrow = if before.is_some() && after.is_some() { "→" } else { "" };
        let word = self.field.replace("_tokens", " tokens").replace("_s", "").replace('_', " ");
        let cells = [mark, of, &word, before.as_deref().unwrap_or(""), arrow, after.as_deref().unwrap_or("")];
        (before != after).then(|| cells.map(str::to_owned))
    }
}

/// One side of a field: for programs and for people.
struct Reading {
    value: Value,
    shown: String,
}

impl Reading {
    fn words(text: impl Into<String>) -> Self {
        let shown = text.into();
        Self { value: json!(shown), shown }
    }
}

fn whole(before: &Plan, after: &Plan) -> Vec<FieldChange> {
    let words = [
        (EXPERIMENT, [before, after].map(|plan| &plan.experiment)),
        ("tool_version", [before, after].map(|plan| &plan.tool_version)),
        ("platform", [before, after].map(|plan| &plan.platform.name)),
    ];
    let words = words.into_iter().filter_map(|(field, sides)| {
        let [before, after] = sides.map(|text| Some(Reading::words(text)));
        FieldChange::between(field, before, after)
    });
    let [old, new] = [before, after].map(|plan| figures(&totals(plan), render::totals_shown(plan)));
    let files =
        data(before, after).into_iter().chain(vocabularies(before, after)).chain(schemas(before, after));
    words.chain(files).chain(order(before, after)).chain(between(old, new)).collect()
}

/// Files of prompts and traces with another content, which their paths do not show.
fn data(before: &Plan, after: &Plan) -> Option<FieldChange> {
    let reading = |plan: &Plan| {
        let content = [datasets::contents(plan), traces::contents(plan)].concat();
        let each = content.iter().map(|(name, rows, sha256)| format!("{name}: {rows} rows, {sha256:.12}"));
        let shown = each.collect::<Vec<_>>().join(", ");
        let value = content.iter().map(|(name, _, sha256)| ((*name).to_owned(), json!(sha256)));
        (!shown.is_empty()).then(|| Reading { shown, value: Value::Object(value.collect()) })
    };
    FieldChange::between("datasets", reading(before), reading(after))
}

/// Tokenizers that are others, which their paths do not show.
fn vocabularies(before: &Plan, after: &Plan) -> Option<FieldChange> {
    let reading = |plan: &Plan| {
        let all = tokenizers::identities(plan);
        let each = all.iter().map(|(name, identity)| format!("{name}: {identity:.14}"));
        let shown = each.collect::<Vec<_>>().join(", ");
        let value = all.iter().map(|(name, identity)| ((*name).to_owned(), json!(identity)));
        (!shown.is_empty()).then(|| Reading { shown, value: Value::Object(value.collect()) })
    };
    FieldChange::between("tokenizers", reading(before), reading(after))
}

/// Files of schemas with another content, which their paths do not show.
fn schemas(before: &Plan, after: &Plan) -> Option<FieldChange> {
    let reading = |plan: &Plan| {
        let each = plan.endpoints.iter().filter_map(|endpoint| {
            let schema =
                endpoint.check.as_ref()?.json_schema.as_ref().filter(|schema| schema.file.is_some())?;
            Some((endpoint.name.clone(), hash_of_schema(schema)))
        });
        let each: BTreeMap<String, String> = each.collect();
        let shown: Vec<_> = each.iter().map(|(name, hash)| format!("{name}: {hash:.12}")).collect();
        (!each.is_empty()).then(|| Reading { shown: shown.join(", "), value: json!(each) })
    };
    FieldChange::between("schemas", reading(before), reading(after))
}

/// Steps that both have, where they come in another order.
fn order(before: &Plan, after: &Plan) -> Option<FieldChange> {
    let common = |plan: &Plan, other: &Plan| {
        let there: BTreeSet<String> = other.loads().map(|(step, _)| describe::step_name(step)).collect();
        plan.loads().map(|(step, _)| describe::step_name(step)).filter(|name| there.contains(name)).collect()
    };
    let reading = |names: Vec<String>| Some(Reading { shown: names.join(", "), value: json!(names) });
    FieldChange::between("order", reading(common(before, after)), reading(common(after, before)))
}

fn values(before: &[Origin], after: &[Origin]) -> Vec<ValueChange> {
    let by_path = |origins: &[Origin]| -> BTreeMap<String, Origin> {
        origins.iter().map(|origin| (origin.path.clone(), origin.clone())).collect()
    };
    let (mut old, mut new) = (by_path(before), by_path(after));
    let paths: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let changes = paths.into_iter().filter_map(|path| {
        let (before, after) = (old.remove(&path), new.remove(&path));
        let change = match (&before, &after) {
            (Some(before), Some(after)) if before.value == after.value => return None,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        Some(ValueChange { path, change, before, after })
    });
    changes.collect()
}

fn steps(before: &Plan, after: &Plan) -> Vec<StepChange> {
    let same = |one: &Step, other: &Step| (&one.phase, &one.name) == (&other.phase, &other.name);
    let was = before.loads().map(|(step, load)| {
        let now = after.loads().find(|(other, _)| same(other, step));
        let change = if now.is_some() { Change::Changed } else { Change::Removed };
        let now = now.map_or_else(Vec::new, |(step, load)| fields(after, step, load));
        (step, change, between(fields(before, step, load), now))
    });
    let new = after.loads().filter(|(step, _)| !before.loads().any(|(other, _)| same(other, step)));
    let new = new.map(|(step, load)| (step, Change::Added, between(Vec::new(), fields(after, step, load))));
    was.chain(new)
        .filter(|(_, _, fields)| !fields.is_empty())
        .map(|(step, change, fields)| StepChange { step: describe::step_name(step), change, fields })
        .collect()
}

/// A field of a step or of the whole plan.
type Field = (&'static str, Reading);

fn fields(plan: &Plan, step: &Step, load: &LoadStep) -> Vec<Field> {
    let mut fields = vec![
        ("after", Reading::words(describe::after(plan, step))),
        ("load", Reading::words(describe::load(plan, load))),
        ("pressure", Reading::words(step.pressure.as_ref().map(describe::pressure).unwrap_or_default())),
        ("endpoints", Reading::words(render::shares(plan, load))),
    ];
    fields.extend(figures(&step.expected, render::step_shown(plan, step, load)));
    fields
}

/// What is expected, with its figures as the plan's table shows them.
fn figures(expected: &Expected, shown: [String; 5]) -> Vec<Field> {
    let values = [
        ("requests", expected.requests),
        ("input_tokens", expected.input_tokens),
        ("output_tokens", expected.output_tokens),
        ("duration_s", expected.duration_s),
        ("cost", expected.cost),
    ];
    let figures = values.into_iter().zip(shown);
    figures.map(|((field, value), shown)| (field, Reading { value: json!(value), shown })).collect()
}

/// What differs between the same fields of two sides; a side that does not exist has none.
fn between(before: Vec<Field>, after: Vec<Field>) -> Vec<FieldChange> {
    let names: Vec<&str> =
        if before.is_empty() { &after } else { &before }.iter().map(|(name, _)| *name).collect();
    let mut before = before.into_iter().map(|(_, reading)| reading);
    let mut after = after.into_iter().map(|(_, reading)| reading);
    let changes = names.into_iter().map(|name| FieldChange::between(name, before.next(), after.next()));
    changes.flatten().collect()
}
