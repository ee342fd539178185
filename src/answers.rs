//! Whether answers are what a plan asks for, so that fast garbage is no success. Pure.
//!
//! Answers are checked once they have ended, by the thread that records them: what measures never waits for it, and what
//! is written down is the outcome with the check.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{
    config::{AnswerCheck, LONGEST_TEXT},
    plan::Plan,
    record::{Event, Outcome, Record, Text, Texts},
    schema::Expectation,
    units::show_count_of,
};

/// Characters of an answer that are shown.
const SHOWN: usize = 60;

/// What APIs say of an answer that ended at its limit of tokens: `OpenAI` and those after it, Anthropic, `OpenAI`'s
/// responses, llama.cpp.
const AT_LIMIT: [&str; 4] = ["length", "max_tokens", "max_output_tokens", "limit"];

/// A check that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`endpoints.{endpoint}.check` cannot be made: {reason}")]
pub struct NoCheck {
    endpoint: String,
    reason: String,
}

/// What a plan asks of answers, by the name of the endpoint that gives them.
#[derive(Debug)]
pub struct Checks(BTreeMap<String, Check>);

/// What an endpoint's answers must be.
#[derive(Debug)]
struct Check {
    regex: Option<Regex>,
    schema: Option<Expectation>,
    min_length: Option<u32>,
}

/// What there is to say against an answer.
#[derive(Debug, PartialEq, Eq)]
enum Objection {
    /// It is not what was asked for.
    Wrong(String),
    /// What was kept of it does not tell.
    Unknown(String),
}

impl Checks {
    /// Those of a plan; `None` where it asks nothing of answers.
    ///
    /// # Errors
    ///
    /// Where a check is none, which a checked scenario does not have.
    pub fn of(plan: &Plan) -> Result<Option<Self>, NoCheck> {
        let mut checks = BTreeMap::new();
        for endpoint in &plan.endpoints {
            if let Some(asked) = &endpoint.check {
                let check = Check::new(asked)
                    .map_err(|reason| NoCheck { endpoint: endpoint.name.clone(), reason })?;
                checks.insert(endpoint.name.clone(), check);
            }
        }
        Ok((!checks.is_empty()).then_some(Self(checks)))
    }

    /// Checks the answer of a request that has ended, and puts what comes of that into its record.
    pub fn look_at(&self, event: &mut Event) {
        if let Event::Finished { record, texts, .. } = event {
            self.judge(record, texts.as_deref().map(|Texts { answers, .. }| answers.as_slice()));
        }
    }

    /// Puts into a record what comes of the check of its answers, one for each prompt; `None` where they were left out.
    pub fn judge(&self, record: &mut Record, answers: Option<&[Text]>) {
        let Some(check) = self.0.get(&record.endpoint).filter(|_| record.outcome == Outcome::Ok) else {
            return;
        };
        let Some(answers) = answers else {
            let why = "the answer was left out: records came faster than they could be checked and written";
            record.unchecked = Some(why.to_owned());
            return;
        };
        match check.objection(answers) {
            None => {}
            Some(Objection::Unknown(why)) => record.unchecked = Some(why),
            Some(Objection::Wrong(mut why)) => {
                if let Some(reason) =
                    record.finish_reason.as_deref().filter(|reason| AT_LIMIT.contains(reason))
                {
                    why.extend(["; it was cut at its limit of tokens (finish reason `", reason, "`)"]);
                }
                (record.outcome, record.error) = (Outcome::WrongAnswer, Some(why));
            }
        }
    }
}

impl Check {
    fn new(asked: &AnswerCheck) -> Result<Self, String> {
        let AnswerCheck { regex, json_schema, min_length } = asked;
        let regex = regex.as_deref().map(Regex::new).transpose().map_err(|error| error.to_string())?;
        let schema = json_schema.as_ref().map(|given| Expectation::given(&given.schema)).transpose();
        let schema = schema.map_err(|mismatch| format!("its JSON Schema is none: {mismatch}"))?;
        Ok(Self { regex, schema, min_length: *min_length })
    }

    /// What is wrong with any of the answers to a request, else what cannot be told of any.
    fn objection(&self, answers: &[Text]) -> Option<Objection> {
        let mut unknown = None;
        for (place, answer) in answers.iter().enumerate() {
            let Some(why) = self.against(answer) else { continue };
            let which = match answers.len() {
                1 => "the answer".to_owned(),
                all => format!("the answer to prompt {} of {all}", place + 1),
            };
            if !answer.cut {
                return Some(Objection::Wrong(format!("{which} {why}; {}", beginning(&answer.text))));
            }
            let kept = LONGEST_TEXT >> 10;
            unknown.get_or_insert_with(|| {
                Objection::Unknown(format!(
                    "{which} was longer than the {kept} KiB that are kept, which {why}"
                ))
            });
        }
        unknown
    }

    /// What what was kept of an answer is not.
    fn against(&self, Text { text, cut }: &Text) -> Option<String> {
        if let Some(least) = self.min_length {
            let length = text.chars().count();
            if length < least as usize {
                let length = show_count_of(length as u64, "character");
                return Some(format!("has {length}, fewer than {least}"));
            }
        }
        if let Some(regex) = &self.regex {
            // a match that ends before a cut is one of the whole too: what an expression looks at beyond its match is the
            // character behind it
            let found = regex.shortest_match(text).is_some_and(|end| !cut || end < text.len());
            if !found {
                return Some(format!("does not match `{regex}`"));
            }
        }
        let schema = self.schema.as_ref()?;
        match serde_json::from_str(text) {
            Err(error) => Some(format!("is no JSON ({error})")),
            Ok(_) if *cut => Some("may go on behind its JSON".to_owned()),
            Ok(document) => {
                let mismatches = schema.check(&document).err()?;
                Some(format!("is not as its JSON Schema says: {mismatches}"))
            }
        }
    }
}

/// How an answer begins, in one line.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        _ if line.is_empty() => "it is empty".to_owned(),
        None => format!("it is `{line}`"),
        Some((end, _)) => format!("it begins with `{}…`", &line[..end]),
    }
}

#[cfg(test)]
mod tests;
