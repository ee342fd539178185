//! `report.html`: one file that works offline, with everything in it.
//!
//! The template is filled by `handlebars`, which escapes every value; styles, scripts, the static charts and the
//! data of the interactive ones are part of the page. It asks for nothing from a network.

mod comparison;
mod curves;
mod data;
mod view;

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, html_escape};
use serde_json::{Value, json};

pub use comparison::{PageError, comparisons};

use super::{Chart, Report};

const TEMPLATE: &str = include_str!("../assets/report.html.hbs");
const STYLE: &str = include_str!("../assets/report.css");
const SCRIPT: &str = include_str!("../assets/report.js");
const UPLOT: &str = include_str!("../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../assets/uplot/uPlot.min.css");
const UPLOT_LICENSE: &str = include_str!("../assets/uplot/LICENSE");

/// Why the page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not fill the template of the page: {0}")]
pub struct HtmlError(#[source] Box<handlebars::RenderError>);

impl From<handlebars::RenderError> for HtmlError {
    fn from(error: handlebars::RenderError) -> Self {
        Self(Box::new(error))
    }
}

/// The page, with those of the charts that gain nothing from being interactive.
pub fn html(report: &Report, charts: &[Chart]) -> Result<String, HtmlError> {
    let mut page = view::page(report);
    page["charts"] = figures(charts);
    page["plots"] = data::plots(report);
    page["data"] = Value::String(for_script(&data::data(report)));
    page["style"] = json!([UPLOT_STYLE, STYLE].concat());
    page["script"] = json!(SCRIPT);
    page["uplot"] = json!(UPLOT);
    page["uplot_license"] = json!(UPLOT_LICENSE);
    Ok(engine().render_template(TEMPLATE, &page)?)
}

/// What fills templates.
fn engine() -> Handlebars<'static> {
    let mut handlebars = Handlebars::new();
    // a name that the template gets wrong is an error, not an empty place
    handlebars.set_strict_mode(true);
    handlebars.register_helper("prose", Box::new(prose));
    handlebars
}

/// The static charts: what is over time or over requests is interactive instead.
fn figures(charts: &[Chart]) -> Value {
    charts
        .iter()
        .filter(|chart| !matches!(chart.name, "tokens-over-time" | "tokens-over-sequence"))
        .map(|chart| json!({ "name": chart.name, "title": chart.title, "svg": chart.svg }))
        .collect()
}

/// Helper of the template: escapes a sentence and sets what stands between backticks as code.
fn prose(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let text = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
    for (i, part) in html_escape(text).split("&#x60;").enumerate() {
        let tag = match i {
            0 => "",
            i if i % 2 == 1 => "<code>",
            _ => "</code>",
        };
        out.write(tag)?;
        out.write(part)?;
    }
    // a backtick without a partner
    if text.matches('`').count() % 2 == 1 {
        out.write("</code>")?;
    }
    Ok(())
}

/// JSON that can stand inside a `<script>`: nothing in it can end the element.
fn for_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests;
