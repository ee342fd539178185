//! Text with places that are filled in: bodies of requests, and prompts.

use std::{cell::RefCell, fmt};

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, no_escape,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// The one name that a template is registered under.
const NAME: &str = "template";

/// What stands between the places, and what goes into them, in the language of Handlebars. A name that is
/// not there is an error, but for the conditions of blocks, where it counts as false.
#[derive(Clone)]
pub struct Template {
    registry: Handlebars<'static>,
}

/// Why a template cannot be read, or filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// What is wrong, in words.
    pub reason: String,
    /// Line and column of the template, from 1, where that is known.
    pub at: Option<(usize, usize)>,
    /// The name that is not there, where that is what is wrong.
    pub missing: Option<String>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.at {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

impl Template {
    /// A template of JSON: `{{name}}` is what stands between the quotes of a text, `{{json name}}` any value as a whole.
    ///
    /// # Errors
    ///
    /// When it is no template.
    pub fn of_json(text: &str) -> Result<Self, TemplateError> {
        Self::new(text, within_quotes)
    }

    /// A template of plain text, which goes in as it is; `{{json name}}` is a value as JSON, `{{number 1 6}}` a whole number from
    /// 1 to 6, and `{{choice "a" "b"}}` one of its values.
    ///
    /// # Errors
    ///
    /// When it is no template.
    pub fn of_text(text: &str) -> Result<Self, TemplateError> {
        Self::new(text, no_escape)
    }

    fn new(
        text: &str,
        escape: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Result<Self, TemplateError> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(escape);
        registry.register_helper("json", Box::new(json));
        registry.register_helper("number", Box::new(number));
        registry.register_helper("choice", Box::new(choice));
        registry.register_template_string(NAME, text).map_err(|error| TemplateError {
            reason: match error.reason().to_string() {
                // what follows are names out of the grammar
                reason if reason.starts_with("invalid handlebars syntax") => {
                    "an expression `{{…}}` is not closed, or is none".to_owned()
                }
                reason => reason,
            },
            at: error.pos(),
            missing: None,
        })?;
        Ok(Self { registry })
    }

    /// The same, with what is drawn in it drawn from `rng`.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](Self::fill).
    pub fn fill_drawing(&self, with: &impl Serialize, rng: ChaCha8Rng) -> Result<String, TemplateError> {
        // helpers are given what is filled in, and nothing else
        DRAWS.set(Some(rng));
        let filled = self.fill(with);
        DRAWS.set(None);
        filled
    }

    /// The text with its places filled in; nothing can be drawn in it.
    ///
    /// # Errors
    ///
    /// When it names what is not there, or a helper refuses what it is given.
    pub fn fill(&self, with: &impl Serialize) -> Result<String, TemplateError> {
        self.registry.render(NAME, with).map_err(|error| {
            let missing = match error.reason() {
                RenderErrorReason::MissingVariable(Some(name)) => {
                    Some(name.trim_start_matches("this.").to_owned())
                }
                _ => None,
            };
            TemplateError {
                reason: missing.as_ref().map_or_else(
                    || error.reason().to_string(),
                    |name| format!("there is no `{name}` to fill in"),
                ),
                at: error.line_no.zip(error.column_no),
                missing,
            }
        })
    }
}

thread_local! {
    /// What the template that is being filled in on this thread draws from.
    static DRAWS: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
}

/// A whole number of a range, drawn.
fn draw(from: i64, to: i64) -> Result<i64, RenderErrorReason> {
    DRAWS.with_borrow_mut(|draws| {
        let rng = draws.as_mut().ok_or_else(|| refusal("nothing can be drawn here"))?;
        Ok(rng.random_range(from..=to))
    })
}

fn refusal(why: &str) -> RenderErrorReason {
    RenderErrorReason::Other(why.to_owned())
}

/// `{{number 1 6}}`: a whole number from the first to the second.
fn number(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    missing(helper)?;
    let end = |place| helper.param(place).and_then(|value| value.value().as_i64());
    match (end(0), end(1), helper.params().len()) {
        (Some(from), Some(to), 2) if from <= to => out.write(&draw(from, to)?.to_string())?,
        _ => {
            return Err(
                refusal("`number` takes two whole numbers, the smaller one first: `{{number 1 6}}`").into()
            );
        }
    }
    Ok(())
}

/// `{{choice "a" "b"}}`: one of the values.
fn choice(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    missing(helper)?;
    let Some(last) = helper.params().len().checked_sub(1) else {
        return Err(refusal("`choice` takes values to choose from: `{{choice \"a\" \"b\"}}`").into());
    };
    let chosen = draw(0, last as i64)? as usize;
    if let Some(value) = helper.param(chosen) {
        let value = value.value();
        out.write(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
    }
    Ok(())
}

/// Refuses what is given to a helper where one of its values is not there, which it would take for `null`.
fn missing(helper: &Helper<'_>) -> Result<(), RenderErrorReason> {
    match helper.params().iter().find(|value| value.is_value_missing()) {
        Some(value) => {
            let name = value.relative_path().map_or("value", String::as_str);
            Err(RenderErrorReason::MissingVariable(Some(name.to_owned())))
        }
        None => Ok(()),
    }
}

/// A text as it stands between the quotes of JSON.
fn within_quotes(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// `{{json value}}`: the value as JSON.
fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let Some(value) = helper.param(0) else {
        return Err(RenderErrorReason::ParamNotFoundForIndex("json", 0).into());
    };
    missing(helper)?;
    out.write(&value.value().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_stand_within_the_quotes_of_json_and_values_as_a_whole() {
        let template = Template::of_json(
            r#"{"a": "x {{text}}", "b": {{json text}}, "c": {{json list}}, "d": {{n}}{{#if yes}}, "e": 1{{/if}}}"#,
        )
        .expect("a template");
        let with = json!({ "text": "say \"hé\"\n\\", "list": ["<", 1], "n": 2, "yes": true });
        let filled: serde_json::Value =
            serde_json::from_str(&template.fill(&with).expect("filled")).expect("JSON");
        let expected =
            json!({ "a": "x say \"hé\"\n\\", "b": "say \"hé\"\n\\", "c": ["<", 1], "d": 2, "e": 1 });
        assert_eq!(filled, expected);
    }

    #[test]
    fn plain_text_goes_in_as_it_is() {
        let template = Template::of_text("{{a}} & {{json a}}").expect("a template");
        assert_eq!(template.fill(&json!({ "a": "<\"b\">" })).expect("filled"), r#"<"b"> & "<\"b\">""#);
    }

    #[test]
    fn what_is_drawn_follows_from_what_it_is_drawn_from() {
        use rand::SeedableRng;
        let template =
            Template::of_text("{{number 1 6}} {{choice \"a\" n 2}} {{number -3 -3}}").expect("a template");
        let fill = |seed| {
            template.fill_drawing(&json!({ "n": "b" }), ChaCha8Rng::seed_from_u64(seed)).expect("filled")
        };
        let all: std::collections::BTreeSet<String> = (0..200).map(fill).collect();
        assert_eq!(fill(7), fill(7));
        // every number with every choice
        assert_eq!(all.len(), 18, "{all:?}");
        assert!(all.iter().all(|text| text.ends_with(" -3")));
        for (text, expected) in
            [("{{number 6 1}}", "takes two whole numbers"), ("{{choice}}", "takes values")]
        {
            let template = Template::of_text(text).expect("a template");
            let error = template.fill_drawing(&json!({}), ChaCha8Rng::seed_from_u64(0)).expect_err(text);
            assert!(error.reason.contains(expected), "{error}");
        }
        for text in ["{{choice a n}}", "{{choice n a}}", "{{number 1 a}}"] {
            let template = Template::of_text(text).expect("a template");
            let error =
                template.fill_drawing(&json!({ "n": 1 }), ChaCha8Rng::seed_from_u64(0)).expect_err(text);
            assert_eq!(error.missing.as_deref(), Some("a"), "{text}: {error}");
        }
        let error = Template::of_text("{{number 1 6}}").expect("a template").fill(&json!({}));
        assert!(error.expect_err("no draws").reason.contains("nothing can be drawn"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [("a\n{{b", "line 2"), ("{{#if a}}", "line 1"), ("{{#if a}}x{{/each}}", "if")]
        {
            let error = Template::of_text(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for text in ["a\n {{b}}", "a\n {{json b}}"] {
            let error = Template::of_text(text).expect("a template").fill(&json!({ "a": 1 }));
            let error = error.expect_err(text);
            assert_eq!(
                (error.reason.as_str(), error.at.map(|at| at.0)),
                ("there is no `b` to fill in", Some(2))
            );
        }
    }
}
