//! Spikes one by one as tables, whoever shows them.

use super::{Report, words};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{Recovery, Scope, Spike, Stretch},
    units::{self, show_count, show_count_of, show_seconds},
};

/// What is shown of a spike behind its start: the group of columns, and the column in it.
pub(super) const FIGURES: [(&str, &str); 11] = [
    ("requests", "in it"),
    ("requests", "lost"),
    ("requests", "lost after"),
    ("p50", "before"),
    ("p50", "in it"),
    ("p50", "after"),
    ("p95", "before"),
    ("p95", "in it"),
    ("p95", "after"),
    ("", "recovery"),
    ("", "watched"),
];

/// The spikes of a scope as a table.
pub(super) struct Table<'a> {
    pub(super) scope: &'a Scope,
    /// What they came to, in a sentence without its end.
    pub(super) sentence: String,
    /// The latency that is shown, by which recovery is told.
    pub(super) latency: &'static str,
    pub(super) rows: Vec<Row>,
}

/// A spike as a row.
pub(super) struct Row {
    /// When it began, since the start of the run.
    pub(super) start: String,
    /// Whether it was recovered from; `None` where nothing tells.
    pub(super) recovered: Option<bool>,
    /// In the order of [`FIGURES`].
    pub(super) figures: [String; 11],
}

/// The tables of the measured phases with spikes, in the order of the plan, each as a whole.
pub(super) fn tables<'a>(report: &Report<'a>) -> Vec<Table<'a>> {
    let whole = |scope: &&Scope| scope.key.step.is_none() && scope.key.endpoint.is_none();
    let scopes = report.summary.scopes.iter().filter(whole);
    scopes.filter(|scope| scope.measured && !scope.spikes.is_empty()).map(table).collect()
}

fn table(scope: &Scope) -> Table<'_> {
    let metric = scope.spikes.first().map_or(Metric::E2e, |spike| spike.latency);
    Table {
        scope,
        sentence: sentence(&scope.spikes),
        latency: name_of(metric),
        rows: scope.spikes.iter().map(row).collect(),
    }
}

fn name_of(metric: Metric) -> &'static str {
    if metric == Metric::Ttft { "TTFT" } else { "e2e" }
}

fn row(spike: &Spike) -> Row {
    let latency = |of: &Stretch, statistic| words::value(spike.latency, of.latency(spike.latency, statistic));
    let [before, during, after] = [&spike.before, &spike.during, &spike.after];
    let recovery = match spike.recovery {
        None => words::MISSING.to_owned(),
        Some(recovery) if recovery.happened() => show_seconds(recovery.least_s),
        Some(recovery) => format!("> {}", show_seconds(recovery.least_s)),
    };
    Row {
        start: show_seconds(spike.from_s),
        recovered: spike.recovery.map(Recovery::happened),
        figures: [
            show_count(during.due),
            show_count(during.lost),
            show_count(after.lost),
            latency(before, Statistic::P50),
            latency(during, Statistic::P50),
            latency(after, Statistic::P50),
            latency(before, Statistic::P95),
            latency(during, Statistic::P95),
            latency(after, Statistic::P95),
            recovery,
            show_seconds(spike.watched_s),
        ],
    }
}

/// What the spikes came to: how long they were felt, how much slower answers were in the worst, what was lost.
fn sentence(spikes: &[Spike]) -> String {
    let all = spikes.len() as u64;
    let told: Vec<Recovery> = spikes.iter().filter_map(|spike| spike.recovery).collect();
    let (back, not): (Vec<Recovery>, Vec<Recovery>) =
        told.iter().copied().partition(|recovery| recovery.happened());
    let mut parts = Vec::new();
    let worst = back.iter().max_by(|one, other| one.least_s.total_cmp(&other.least_s));
    let spikes_were = |count: usize| match (count as u64, all) {
        (1, 1) => "the spike was".to_owned(),
        (2, 2) => "both spikes were".to_owned(),
        (count, _) if count == all => format!("all {} were", show_count_of(all, "spike")),
        (1, _) => format!("1 of {} was", show_count_of(all, "spike")),
        (count, _) => format!("{} of {} were", show_count(count), show_count_of(all, "spike")),
    };
    if let Some(worst) = worst {
        let gap = show_seconds(worst.most_s - worst.least_s);
        let slowest = if back.len() > 1 { ", the slowest" } else { "" };
        parts.push(match worst.least_s {
            0.0 => format!(
                "{} over when {} ended",
                spikes_were(back.len()),
                if back.len() > 1 { "they" } else { "it" }
            ),
            least_s => format!(
                "{} recovered from{slowest} after {}, known to {gap}",
                spikes_were(back.len()),
                show_seconds(least_s)
            ),
        });
    }
    if let Some(longest) = not.iter().map(|recovery| recovery.least_s).reduce(f64::max) {
        parts.push(format!("{} not recovered from within {}", spikes_were(not.len()), show_seconds(longest)));
    }
    if told.len() < spikes.len() {
        let untold = spikes.len() - told.len();
        parts.push(format!("of {untold} of {} too few requests tell", show_count_of(all, "spike")));
    }
    parts.extend(slower(spikes));
    let (due, lost) =
        spikes.iter().fold((0, 0), |(due, lost), spike| (due + spike.during.due, lost + spike.during.lost));
    if lost > 0 {
        let share = units::show_share(lost as f64 / due as f64);
        parts.push(format!("{} due in them were lost ({share})", show_count_of(lost, "request")));
    }
    parts.join("; ")
}

/// How much slower answers were in the worst spike than before it.
fn slower(spikes: &[Spike]) -> Option<String> {
    let ratios = spikes.iter().filter_map(|spike| {
        let p95 = |of: &Stretch| of.latency(spike.latency, Statistic::P95);
        let (before, during) =
            p95(&spike.before).filter(|value| value.is_finite()).zip(p95(&spike.during))?;
        (before > 0.0).then_some((spike.latency, before, during))
    });
    let (metric, before, during) =
        ratios.max_by(|one, other| (one.2 / one.1).total_cmp(&(other.2 / other.1)))?;
    if during.is_infinite() {
        return Some(format!(
            "in the worst the p95 of {} lies among requests that were lost",
            name_of(metric)
        ));
    }
    let times = units::show_number(during / before);
    Some(format!(
        "in the worst the p95 of {} was {}, {times} times the {} before it",
        name_of(metric),
        show_seconds(during),
        show_seconds(before)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        metrics::Summary,
        report::{Style, csv::spikes_csv, fixture, html, json, terminal},
    };

    /// The phase with spikes.
    fn open(summary: &Summary) -> &Scope {
        summary.scopes.iter().find(|scope| !scope.spikes.is_empty()).expect("spikes")
    }

    /// The section of the spikes, for a terminal of this width.
    fn section(run: &fixture::Run, width: usize) -> String {
        let text = terminal(&run.report(), Style { color: false, width });
        let sections = text.split("\n\n").find(|section| section.starts_with("spikes"));
        sections.expect("a section of spikes").to_owned()
    }

    #[test]
    fn a_terminal_shows_each_spike() {
        let run = fixture::spiky();
        insta::assert_snapshot!(section(&run, 140));
        insta::assert_snapshot!("a_narrow_terminal_shows_each_spike", section(&run, 80));
    }

    #[test]
    fn the_sentence_says_what_the_spikes_came_to() {
        let run = fixture::spiky();
        let spikes = |places: &[usize]| -> Vec<Spike> {
            places.iter().map(|place| open(&run.summary).spikes[*place].clone()).collect()
        };
        // the first was recovered from, the second not, and of the third nothing tells
        for (places, expected) in [
            (&[0][..], "the spike was recovered from after 4.25 s, known to 250 ms"),
            (&[0, 0], "both spikes were recovered from, the slowest after 4.25 s, known to 250 ms"),
            (&[1], "the spike was not recovered from within 12.0 s"),
            (
                &[0, 1],
                "1 of 2 spikes was recovered from after 4.25 s, known to 250 ms; 1 of 2 spikes was not recovered from within 12.0 s",
            ),
            (&[2, 2], "of 2 of 2 spikes too few requests tell"),
        ] {
            let said = sentence(&spikes(places));
            assert!(said.starts_with(expected), "{said}");
        }
        let mut unfelt = spikes(&[0, 0]);
        for spike in &mut unfelt {
            spike.recovery = Some(Recovery { least_s: 0.0, most_s: 0.25 });
        }
        assert!(
            sentence(&unfelt).starts_with("both spikes were over when they ended; "),
            "{}",
            sentence(&unfelt)
        );
    }

    #[test]
    fn programs_get_every_spike() {
        let run = fixture::spiky();
        let document = json(&run.report());
        let mut scopes = document["scopes"].as_array().expect("scopes").iter();
        let spikes = &scopes.find(|scope| scope.get("spikes").is_some()).expect("spikes")["spikes"];
        insta::assert_snapshot!(serde_json::to_string_pretty(&spikes[0]).expect("JSON"));
        let told = |key: &str| -> Vec<Value> {
            spikes.as_array().expect("spikes").iter().map(|spike| spike[key].clone()).collect()
        };
        assert_eq!(told("recovered"), [Value::from(true), Value::from(false), Value::Null]);
        assert_eq!(told("recovery_ms"), [Value::from(4250.0), Value::Null, Value::Null]);
        assert_eq!(spikes[1]["during"]["ttft_p95_ms_infinite"], true);
        assert!(scopes.all(|scope| scope.get("spikes").is_none()));
        insta::assert_snapshot!(spikes_csv(&run.summary).expect("spikes"));
        assert_eq!(spikes_csv(&fixture::mixed().summary), None);
    }

    #[test]
    fn the_page_has_their_table_and_shades_them() {
        let run = fixture::spiky();
        let page = html(&run.report(), &[]).expect("a page");
        assert!(page.contains("<h3>Spikes of mixed</h3>"));
        assert!(page.contains("<tr class=\"lasting\"><th scope=\"row\">32.0 s</th>"));
        assert!(page.contains(r#"{"from":17.0,"to":20.0,"felt":24.25}"#), "the data of the charts");
        let without = fixture::mixed();
        assert!(!html(&without.report(), &[]).expect("a page").contains("Spikes of"));
    }
}
