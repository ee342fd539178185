//! JSON Schemas of answers that stand in files of their own: read with the scenario, so that a plan holds what they say.

use std::{cell::RefCell, collections::BTreeMap, io, path::Path};

use serde_json::Value;

use super::{AnswerSchema, Finding, Scenario, diagnostic::Sink};
use crate::schema::Expectation;

/// Files of schemas, each read once however many cases name it.
pub(super) struct Schemas<'a> {
    read: &'a dyn Fn(&Path) -> io::Result<String>,
    known: RefCell<BTreeMap<String, Result<Value, Wrong>>>,
}

/// What is wrong with a file: what, and how to mend it.
type Wrong = (String, &'static str);

impl<'a> Schemas<'a> {
    pub(super) fn new(read: &'a dyn Fn(&Path) -> io::Result<String>) -> Self {
        Self { read, known: RefCell::default() }
    }

    /// Puts what a scenario's files say in the place of their names.
    pub(super) fn read_into(&self, scenario: &mut Scenario, sink: &Sink) {
        for (name, endpoint) in &mut scenario.endpoints {
            let given = endpoint.check.as_mut().and_then(|check| check.json_schema.as_mut());
            let Some(AnswerSchema { file: Some(file), schema }) = given else { continue };
            match self.of(file) {
                Ok(content) => *schema = content,
                Err((problem, help)) => {
                    let address = format!("endpoints.{name}.check.json_schema");
                    sink.push(scenario.places.problem(Finding {
                        message: format!("`{address}` names `{file}`, which {problem}"),
                        labels: vec![(address, "this file".to_owned())],
                        help: help.to_owned(),
                    }));
                }
            }
        }
    }

    fn of(&self, file: &str) -> Result<Value, Wrong> {
        let mut known = self.known.borrow_mut();
        known.entry(file.to_owned()).or_insert_with(|| self.content(file)).clone()
    }

    fn content(&self, file: &str) -> Result<Value, Wrong> {
        let text = (self.read)(Path::new(file)).map_err(|error| {
            let help = "correct the path, which starts at the folder of the file that names it";
            (format!("cannot be read: {error}"), help)
        })?;
        let schema = serde_json::from_str(&text)
            .map_err(|error| (format!("is no JSON: {error}"), "correct that file"))?;
        match Expectation::given(&schema) {
            Ok(_) => Ok(schema),
            Err(mismatch) => Err((
                format!("is no JSON Schema: {mismatch}"),
                "correct that file; what it refers to must stand in it, under `$defs`",
            )),
        }
    }
}
