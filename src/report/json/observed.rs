//! What was read of the machine and of the servers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::figures::{describe, finite, put};
use crate::{
    catalog::{Course, Quantity, Unit},
    metrics::{self, Observation},
    record::{Class, SensorKind, Subject},
};

/// What a run tells of what was read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Observed<'a> {
    /// What could not be read.
    missing: Vec<Unread<'a>>,
    /// Processor time that reading took, in seconds; null where that is not known.
    cpu_s: Option<f64>,
    /// The same as a share of one processor over the run; likewise.
    cpu_share: Option<f64>,
    /// Moments at which nothing was read, since the reading before took too long; null where nothing was read.
    skipped_moments: Option<u64>,
    /// Lines that were left out, since what writes them was behind; likewise.
    left_out: Option<u64>,
    /// What was read before the first step began.
    before: Vec<Readings>,
    /// What was read after the last request had ended.
    after: Vec<Readings>,
}

/// Something that was not read.
#[derive(Debug, Serialize, JsonSchema)]
struct Unread<'a> {
    /// From when on, in seconds since the start of the run.
    from_s: f64,
    /// Until when, where it was there again; null where it never was.
    to_s: Option<f64>,
    /// What would have read it.
    sensor: SensorKind,
    /// What it is about.
    subject: &'a Subject,
    /// Why, in words.
    why: &'a str,
}

impl<'a> Observed<'a> {
    pub(super) fn of(observed: &'a metrics::Observed) -> Self {
        let missing = observed.missing.iter().map(|unread| Unread {
            from_s: unread.from_s,
            to_s: unread.to_s.and_then(finite),
            sensor: unread.sensor,
            subject: &unread.subject,
            why: &unread.why,
        });
        let cost = observed.cost;
        Self {
            missing: missing.collect(),
            cpu_s: cost.and_then(|cost| cost.cpu_s).and_then(finite),
            cpu_share: cost.and_then(|cost| cost.cpu_share).and_then(finite),
            skipped_moments: cost.map(|cost| cost.skipped),
            left_out: cost.map(|cost| cost.left_out),
            before: observed.before.iter().map(Readings::of).collect(),
            after: observed.after.iter().map(Readings::of).collect(),
        }
    }
}

/// What was read of one quantity of one subject over a stretch of the run.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Readings(Map<String, Value>);

/// What there is of a level, with what it is.
const LEVEL: [(&str, &str); 5] = [
    ("before", "The last value before the stretch."),
    ("mean", "The mean over time."),
    ("min", "The lowest reading."),
    ("max", "The highest reading."),
    ("after", "The first value after the stretch."),
];

/// What there is of a count.
const GROWTH: &str = "growth";

impl Readings {
    pub(super) fn of(read: &Observation) -> Self {
        let mut object = Map::new();
        object.insert("quantity".to_owned(), json!(read.quantity));
        object.insert("subject".to_owned(), json!(read.subject));
        object.insert("sensor".to_owned(), json!(read.sensor));
        object.insert("class".to_owned(), json!(read.class));
        object.insert("readings".to_owned(), json!(read.readings));
        put(&mut object, "covered", Unit::Share, Some(read.covered));
        let unit = read.quantity.unit();
        match read.quantity.course() {
            Course::Level => {
                let values = [read.before, read.mean, read.min, read.max, read.after];
                for ((name, _), value) in LEVEL.into_iter().zip(values) {
                    put(&mut object, name, unit, value);
                }
            }
            Course::Count => put(&mut object, GROWTH, unit, read.growth),
        }
        Self(object)
    }
}

impl JsonSchema for Readings {
    fn schema_name() -> Cow<'static, str> {
        "Readings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        let kinds = [
            ("quantity", "What was read.", generator.subschema_for::<Quantity>()),
            ("subject", "What it is about.", generator.subschema_for::<Subject>()),
            ("sensor", "What read it.", generator.subschema_for::<SensorKind>()),
            ("class", "How sure it is.", generator.subschema_for::<Class>()),
        ];
        for (name, what, kind) in kinds {
            properties.insert(name.to_owned(), json!({ "description": what, "allOf": [kind] }));
        }
        let count =
            json!({ "description": "Readings that fall into the stretch.", "type": "integer", "minimum": 0 });
        properties.insert("readings".to_owned(), count);
        let covered = "The share of the stretch that lies between two readings.";
        properties.insert("covered".to_owned(), json!({ "description": covered, "type": "number" }));
        let required: Vec<_> = properties.keys().cloned().collect();
        for quantity in Quantity::ALL {
            match quantity.course() {
                Course::Level => {
                    for (name, what) in LEVEL {
                        describe(&mut properties, name, quantity.unit(), what);
                    }
                }
                Course::Count => {
                    let what = "By how much it grew in the stretch.";
                    describe(&mut properties, GROWTH, quantity.unit(), what);
                }
            }
        }
        json_schema!({
            "description": "What was read of one quantity of one subject over a stretch of the run: of a level its values, each with its \
                            unit in its name, of a count by how much it grew; `null` where nothing was read.",
            "type": "object",
            "properties": properties,
            "required": required,
        })
    }
}
