//! What requests should meet.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::figures::put;
use crate::{config::Objective, plan::Plan};

/// The longest that each part of a request should take, by its metric.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Objectives(Map<String, Value>);

impl Objectives {
    pub(super) fn of(objectives: &[Objective]) -> Self {
        let mut object = Map::new();
        for Objective { metric, at_most } in objectives {
            put(&mut object, metric.name(), metric.unit(), Some(at_most.as_secs_f64()));
        }
        Self(object)
    }
}

/// Those of every endpoint, where they are not the same for all.
pub(super) fn by_endpoint(plan: &Plan) -> IndexMap<&str, Objectives> {
    let endpoints = plan.endpoints.iter().filter(|_| plan.with_own_objectives().next().is_some());
    endpoints.map(|endpoint| (endpoint.name.as_str(), Objectives::of(&endpoint.objectives))).collect()
}

impl JsonSchema for Objectives {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Objectives".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties = Objective::METRICS.map(|metric| {
            let what = format!("The longest `{}`; absent where nothing is asked of it.", metric.name());
            let (suffix, _) = metric.unit().json();
            (format!("{}{suffix}", metric.name()), json!({ "description": what, "type": "number" }))
        });
        let properties: Map<_, _> = properties.into_iter().collect();
        json_schema!({ "type": "object", "properties": properties })
    }
}
