//! Text with places that are filled in: bodies of requests, and prompts.

use std::fmt;

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, no_escape,
};
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

    /// A template of plain text, which goes in as it is; `{{json name}}` is a value as JSON.
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
        registry
            .register_template_string(NAME, text)
            .map_err(|error| TemplateError { reason: error.reason().to_string(), at: error.pos() })?;
        Ok(Self { registry })
    }

    /// The text with its places filled in.
    ///
    /// # Errors
    ///
    /// When it names what is not there, or a helper refuses what it is given.
    pub fn fill(&self, with: &impl Serialize) -> Result<String, TemplateError> {
        self.registry.render(NAME, with).map_err(|error| TemplateError {
            reason: match error.reason() {
                RenderErrorReason::MissingVariable(Some(name)) => {
                    format!("there is no `{}` to fill in", name.trim_start_matches("this."))
                }
                reason => reason.to_string(),
            },
            at: error.line_no.zip(error.column_no),
        })
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
    if value.is_value_missing() {
        let name = value.relative_path().map_or("value", String::as_str);
        return Err(RenderErrorReason::MissingVariable(Some(name.to_owned())).into());
    }
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
