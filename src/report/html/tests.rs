use std::collections::BTreeSet;

use super::*;
use crate::report::{charts, fixture};

/// Elements without an end tag.
const VOID: [&str; 4] = ["meta", "br", "hr", "input"];

fn page(run: &fixture::Run) -> String {
    let report = run.report();
    let html = html(&report, &charts(&report).expect("charts")).expect("a page");
    if let Some(dir) = std::env::var_os("SCENARIO_LOOK") {
        std::fs::create_dir_all(&dir).expect("a folder to write to");
        let dir = std::path::Path::new(&dir);
        std::fs::write(dir.join(format!("{}.html", run.plan.name)), &html).expect("a file");
    }
    html
}

/// The page without what browsers do not read as markup or show as text.
fn markup(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = ["<script", "<style"].iter().filter_map(|tag| rest.find(tag)).min() {
        let end = if rest[at..].starts_with("<script") { "</script>" } else { "</style>" };
        let length = rest[at..].find(end).expect("an end") + end.len();
        out.push_str(&rest[..at]);
        rest = &rest[at + length..];
    }
    out + rest
}

/// Checks that tags nest, and returns their names with attributes.
fn tags(html: &str) -> Vec<String> {
    let mut open = Vec::new();
    let mut seen = Vec::new();
    for piece in html.split('<').skip(1) {
        let tag = piece.split('>').next().expect("the start of a piece");
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().expect("a name").to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_ref(), Some(&name), "…<{tag}>");
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
        seen.push(tag.to_owned());
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    seen
}

#[test]
fn the_page_is_whole_and_needs_no_network() {
    for run in [fixture::mixed(), fixture::quiet(), fixture::dead()] {
        let html = page(&run);
        let tags = tags(&markup(&html));
        for tag in &tags {
            for attribute in ["src=", "srcset=", "href=\"http", "action="] {
                assert!(!tag.contains(attribute), "{tag}");
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
        let ids: Vec<_> =
            tags.iter().filter_map(|tag| tag.split(" id=\"").nth(1)?.split('"').next()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice: {ids:?}");
        for link in tags.iter().filter_map(|tag| tag.split("href=\"#").nth(1)?.split('"').next()) {
            assert!(ids.contains(&link), "#{link} leads nowhere");
        }
        assert!(
            tags.iter()
                .filter(|tag| tag.starts_with("th") && !tag.starts_with("thead"))
                .all(|tag| tag.contains("scope="))
        );
    }
}

#[test]
fn it_says_what_matters() {
    let html = markup(&page(&fixture::mixed()));
    for text in [
        "these numbers describe no hardware",
        "Vast.ai · RTX 4090 24 GB",
        "Grade <strong>POOR</strong>",
        "<span aria-hidden=\"true\">✗</span> FAIL",
        "<span aria-hidden=\"true\">?</span> <span class=\"said\">INCONCLUSIVE",
        "server busy: 9 requests waiting",
        "9f2c4b7a1d8e5306",
        "scenarios/mixed.toml:4",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let quiet = markup(&page(&fixture::quiet()));
    assert!(!quiet.contains("imulated") && quiet.contains("All 5 checks hold."));
}

#[test]
fn what_the_machine_can_do_stands_by_the_checks() {
    use crate::machine::calibration::fixture::calibration;
    let mut run = fixture::mixed();
    assert!(!markup(&page(&run)).contains("Calibrated"));
    run.system.calibration = Some(calibration(Some(1), Some(4000.0)));
    let html = markup(&page(&run));
    let (_, validity) = html.split_once("<section id=\"validity\"").expect("the section on validity");
    let (validity, _) = validity.split_once("</section>").expect("its end");
    for text in [
        "Calibrated: 1 stream at once with 100 tokens/s each",
        "4,000 requests/s in time",
        "caution",
        "open at once",
    ] {
        assert!(validity.contains(text), "{text}: {validity}");
    }
}

#[test]
fn objectives_and_prices_have_their_columns() {
    let html = markup(&page(&fixture::with_objectives()));
    for text in [
        ">goodput</th>",
        ">met</th>",
        ">cost/M</th>",
        "<dd>ttft ≤ 500 ms</dd>",
        "<dd>0.69 an hour</dd>",
        "<dd>0.0115, planned ≈ 0.0111</dd>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let own = markup(&page(&fixture::with_objectives_of_an_endpoint()));
    assert!(own.contains("<dd>flash: ttft ≤ 200 ms, e2e ≤ 5.00 s; others: ttft ≤ 500 ms</dd>"), "{own}");
    let quiet = markup(&page(&fixture::quiet()));
    assert!(!quiet.contains(">goodput</th>") && !quiet.contains(">cost/M</th>"));
}

#[test]
fn the_table_of_results_is_short_and_the_other_has_everything() {
    let html = markup(&page(&fixture::mixed()));
    let (_, results) = html.split_once("aria-label=\"Table of results").expect("the table of results");
    let (short, rest) = results.split_once("</table>").expect("its end");
    let (_, whole) = rest.split_once("aria-label=\"Table of all percentiles").expect("the other one");
    let (whole, _) = whole.split_once("</table>").expect("its end");
    let rows = |table: &str| table.matches("<tr class=\"d").count();
    assert!(short.contains(">TTFT p50</th>") && !short.contains("ITL") && whole.contains(">ITL</th>"));
    assert!(rows(short) < rows(whole) && rows(whole) == fixture::mixed().summary.scopes.len());
    assert!(!short.contains("class=\"d1 warm\""), "the parts of a warm-up");
}

#[test]
fn a_row_for_information_does_not_look_like_a_failure() {
    let html = markup(&page(&fixture::mixed()));
    let (_, preset) = html
        .split_once(
            "<summary>Targets for information, by preset rtx_4090: 1 of 2 met; missed: ttft.p50 ≤ 5.00 ms in mixed</summary>",
        )
        .expect("a group of its own");
    let (preset, _) = preset.split_once("</table>").expect("its end");
    assert!(preset.contains("mark plain") && preset.contains("missed") && preset.contains("met"));
    assert!(!preset.contains("FAIL") && !preset.contains("mark bad"));
    assert!(
        html.contains(
            "<span class=\"mark open\"><span aria-hidden=\"true\">!</span> <span class=\"said\">WARN"
        )
    );
}

#[test]
fn no_number_is_not_a_number() {
    for run in [fixture::mixed(), fixture::dead()] {
        let text = markup(&page(&run));
        assert!(!text.contains("NaN") && !text.contains(">inf<") && !text.contains("Infinity"));
        let data = for_script(&data::data(&run.report()));
        let read: Value = serde_json::from_str(&data).expect("JSON");
        assert!(read["points"]["place"].is_array());
    }
}

#[test]
fn nothing_from_the_plan_or_a_server_becomes_markup() {
    const NASTY: &str = "</script><img src=x onerror=alert(1)>&\"'";
    let mut run = fixture::mixed();
    run.plan.name = NASTY.to_owned();
    run.plan.description = NASTY.to_owned();
    run.plan.label = NASTY.to_owned();
    run.plan.endpoints[0].name = NASTY.to_owned();
    run.summary.failures[0].first_error = NASTY.to_owned();
    run.summary.notes = vec![NASTY.to_owned()];
    run.verdict.reason = NASTY.to_owned();
    run.verdict.targets[0].name = NASTY.to_owned();
    run.summary.scopes[0].key.phase = NASTY.to_owned();
    let report = run.report();
    let html = html(&report, &charts(&report).expect("charts")).expect("a page");
    assert!(!html.contains("<img") && html.contains("&lt;img"));
    tags(&markup(&html));
}

/// The page of comparisons.
fn compared(name: &str, all: &[crate::compare::Comparison]) -> String {
    let html = comparisons(all).expect("a page");
    if let Some(dir) = std::env::var_os("SCENARIO_LOOK") {
        std::fs::create_dir_all(&dir).expect("a folder to write to");
        std::fs::write(std::path::Path::new(&dir).join(format!("{name}.html")), &html).expect("a file");
    }
    html
}

#[test]
fn the_page_of_comparisons_is_whole_and_needs_no_network() {
    let (slower, same) = (fixture::compared(1.2), fixture::compared(1.0));
    for (name, all) in [("compared", vec![slower.clone()]), ("compared-several", vec![slower, same])] {
        let html = compared(name, &all);
        let markup = markup(&html);
        let tags = tags(&markup);
        for tag in &tags {
            assert!(
                !["src=", "srcset=", "href=\"http", "action="].iter().any(|outside| tag.contains(outside)),
                "{tag}"
            );
        }
        let ids: Vec<_> =
            tags.iter().filter_map(|tag| tag.split(" id=\"").nth(1)?.split('"').next()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice: {ids:?}");
        assert_eq!(markup.matches("<svg").count(), all.len());
        assert!(!html.contains("<script") && !markup.contains("NaN") && !markup.contains(">inf<"));
    }
}

#[test]
fn the_page_of_a_comparison_says_what_became_of_each_metric() {
    let comparison = fixture::compared(1.2);
    let html = markup(&compared("compared", std::slice::from_ref(&comparison)));
    assert!(comparison.rows.iter().any(|row| row.decides) && comparison.rows.iter().any(|row| !row.decides));
    for row in &comparison.rows {
        assert!(html.contains(&format!("<code>{}</code> in {}", row.metric, row.scope)), "{}", row.metric);
        assert!(!row.decides || html.contains(&html_escape(&row.note).replace("&#x60;", "")), "{}", row.note);
    }
    for field in &comparison.differing {
        assert!(html.contains(&format!("<code>{}</code>", html_escape(&field.field))), "{}", field.field);
    }
    for text in [
        "<span aria-hidden=\"true\">✗</span> REGRESSED",
        "another experiment",
        "other hardware",
        "compared because that was asked for",
        "with a target: these decide",
        "these numbers describe no hardware".trim_start_matches("these "),
        "+20.0 %",
        "main",
        "candidate",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn nothing_in_a_comparison_becomes_markup() {
    const NASTY: &str = "</style><img src=x onerror=alert(1)>&\"'";
    let mut comparison = fixture::compared(1.2);
    comparison.before.name = NASTY.to_owned();
    comparison.after.hardware = NASTY.to_owned();
    comparison.before.runs = vec![NASTY.to_owned()];
    comparison.notes = vec![NASTY.to_owned()];
    comparison.rows[0].note = NASTY.to_owned();
    comparison.rows[0].scope.phase = NASTY.to_owned();
    comparison.differing[0].after = Some(NASTY.to_owned());
    let html = compared("nasty", &[comparison]);
    assert!(!html.contains("<img") && html.contains("&lt;img"));
    tags(&markup(&html));
}

#[test]
fn a_comparison_without_metrics_has_no_chart() {
    let mut comparison = fixture::compared(1.0);
    comparison.rows.clear();
    let html = markup(&compared("empty", &[comparison]));
    assert!(!html.contains("<svg") && html.contains("so none decides"));
    tags(&html);
}

#[test]
fn a_script_cannot_be_ended_by_its_data() {
    assert_eq!(for_script(&json!("</script>")), "\"\\u003c/script>\"");
}
