//! Energy and what it was used for, as a table and sentences, whoever shows them.

use super::{Report, words};
use crate::{
    catalog::Metric,
    metrics::{Energy, Scope},
    record::{Class, SensorKind, Subject},
    units::show_number,
};

/// The headings of [`Row::figures`]; those of what nobody asked for stand over nothing.
pub(super) const FIGURES: [&str; 6] = ["energy", "net", "mean power", "J/request", "J/1k tokens", "cost/M"];

/// The energy of a scope by one class of reading.
pub(super) struct Row<'a> {
    /// How far it is indented.
    pub(super) depth: usize,
    /// The phase or the step.
    pub(super) name: &'a str,
    pub(super) class: Class,
    pub(super) figures: [String; 6],
}

/// The rows of the measured phases and steps, in the order of the plan; none where no energy was read.
pub(super) fn rows<'a>(report: &Report<'a>) -> Vec<Row<'a>> {
    let scopes = measured(report);
    scopes
        .flat_map(|(depth, name, scope)| {
            let classes = scope.energy.by_class.iter().enumerate();
            classes.map(move |(place, energy)| Row {
                depth,
                name,
                class: energy.class,
                figures: figures(report, scope, energy, place == 0),
            })
        })
        .collect()
}

fn measured<'a>(report: &Report<'a>) -> impl Iterator<Item = (usize, &'a str, &'a Scope)> + use<'a> {
    let all = words::outline(report).into_iter();
    all.filter(|(_, _, scope)| scope.measured && scope.key.endpoint.is_none())
}

/// The numbers of a row. What follows from energy follows from that of the first class.
fn figures(report: &Report, scope: &Scope, energy: &Energy, first: bool) -> [String; 6] {
    let of = |value: Option<f64>| value.map_or_else(|| words::MISSING.to_owned(), show_number);
    let per = |metric, times: f64| match scope.value(metric, None).filter(|_| first) {
        Some(joules) => show_number(joules * times),
        None => {
            if first {
                words::MISSING.to_owned()
            } else {
                String::new()
            }
        }
    };
    let joules = |joules: f64| format!("{} J", show_number(joules));
    [
        joules(energy.joules),
        match energy.net_joules() {
            Some(net) => joules(net),
            None if scope.energy.net => of(None),
            None => String::new(),
        },
        format!("{} W", show_number(energy.watts())),
        per(Metric::EnergyPerRequest, 1.0),
        per(Metric::EnergyPerToken, 1e3),
        match report.plan.price {
            Some(_) if first => words::of_scope(scope, Metric::CostPerMillionTokens, None),
            _ => String::new(),
        },
    ]
}

/// What there is to say of it, a sentence each without its end; nothing where no energy was read and nobody asked.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let read = measured(report).any(|(_, _, scope)| !scope.energy.by_class.is_empty());
    let observed = &report.summary.observed;
    if !read && !asked(report) && measured(report).all(|(_, _, scope)| scope.energy.left_out.is_empty()) {
        return notes;
    }
    let mut say = |note: String| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for (_, _, scope) in measured(report) {
        for energy in &scope.energy.by_class {
            say(format!("{}: of {}{}", energy.class.name(), energy.contents(), made_of(report, energy)));
        }
    }
    if read {
        let told = |subject: &Subject| {
            let classes = measured(report).flat_map(|(_, _, scope)| &scope.energy.by_class);
            classes.flat_map(|energy| &energy.parts).any(|(part, _)| part == subject)
        };
        let lacking = observed.missing.iter().filter(|unread| {
            let may = unread.sensor == SensorKind::Rapl || matches!(unread.subject, Subject::Gpu(_));
            may && !told(&unread.subject)
        });
        for unread in lacking {
            let of = match (&unread.subject, unread.sensor) {
                (Subject::Machine, _) => "the processors".to_owned(),
                (subject, _) => subject.to_string(),
            };
            say(format!("not in it, {of}: {}", unread.why));
        }
    } else {
        let why = observed.why_unread(Metric::EnergyPerRequest);
        say(if why.is_empty() {
            "no energy was read, as nothing here tells it".to_owned()
        } else {
            format!("no energy was read: {why}")
        });
        if report.plan.monitoring.estimate.is_none() {
            say("`[monitoring.estimate]` lets it follow from how busy the processors are".to_owned());
        }
    }
    for (_, _, scope) in measured(report) {
        for (subject, why) in &scope.energy.left_out {
            say(format!("not in `{}`, {subject}: {why}", scope.key));
        }
        if scope.energy.shared && !scope.energy.by_class.is_empty() {
            say(format!("`{}`: other phases ran beside it, so nothing tells what is its own", scope.key));
        }
        for energy in &scope.energy.by_class {
            let class = energy.class.name();
            match energy.idle_watts.map(show_number) {
                Some(idle) if scope.energy.net => {
                    say(format!("{class}: net of {idle} W at rest"));
                }
                Some(idle) => say(format!("{class}: {idle} W of it are drawn at rest, too")),
                None if scope.energy.net => {
                    say(format!("{class}: what it draws at rest is not known, so there is no net"));
                }
                None => {}
            }
        }
    }
    notes
}

/// What an estimate is made of.
fn made_of(report: &Report, energy: &Energy) -> String {
    let estimate = report.plan.monitoring.estimate.filter(|_| energy.class == Class::Estimated);
    estimate.map_or_else(String::new, |estimate| {
        format!(
            ", from {} W with idle processors to {} W with busy ones, as the scenario says",
            show_number(estimate.idle_watts),
            show_number(estimate.busy_watts)
        )
    })
}

/// Whether somebody wants to know.
fn asked(report: &Report) -> bool {
    let monitoring = report.plan.monitoring;
    let judged = report.plan.targets.iter().any(|target| target.metric.metric.is_energy());
    judged || monitoring.subtract_idle || monitoring.estimate.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::PowerEstimate,
        metrics::Unread,
        report::{
            Style,
            fixture::{self, Run},
            terminal,
        },
    };

    /// A run with a price in which a GPU and a package were counted.
    fn counted() -> Run {
        let mut run = fixture::with_objectives();
        for scope in &mut run.summary.scopes {
            if scope.key.endpoint.is_some() {
                continue;
            }
            scope.rates.insert(Metric::EnergyPerRequest, 150.0);
            scope.rates.insert(Metric::EnergyPerToken, 2.345);
            scope.energy.by_class = vec![Energy {
                class: Class::Counter,
                joules: 18_000.0,
                length_s: 60.0,
                idle_watts: Some(61.5),
                parts: vec![
                    (Subject::Gpu("0".to_owned()), SensorKind::Nvml),
                    (Subject::Package("package-0".to_owned()), SensorKind::Rapl),
                ],
            }];
        }
        run
    }

    fn unread(why: &str) -> Unread {
        Unread {
            from_s: 0.0,
            to_s: None,
            sensor: SensorKind::Rapl,
            subject: Subject::Machine,
            why: why.to_owned(),
        }
    }

    /// The section in the terminal's report.
    fn section(run: &Run, width: usize) -> Option<String> {
        let text = terminal(&run.report(), Style { color: false, width });
        let (_, section) = text.split_once("energy and cost\n")?;
        Some(section.split("\n\n").next()?.to_owned())
    }

    #[test]
    fn nothing_is_said_where_nothing_was_read_and_nobody_asked() {
        let mut run = fixture::quiet();
        run.summary.observed.missing = vec![unread("no permission")];
        assert_eq!((section(&run, 120), notes(&run.report())), (None, Vec::new()));
        run.plan.monitoring.subtract_idle = true;
        let hint = "`[monitoring.estimate]` lets it follow from how busy the processors are";
        assert_eq!(notes(&run.report()), ["no energy was read: machine: no permission", hint]);
        run.summary.observed.missing.clear();
        assert_eq!(notes(&run.report()), ["no energy was read, as nothing here tells it", hint]);
    }

    #[test]
    fn what_was_used_stands_beside_what_it_was_used_for() {
        let mut run = counted();
        run.summary.observed.missing = vec![unread("no permission")];
        insta::assert_snapshot!(section(&run, 140).expect("a section"), @"
                   energy       net  mean power  J/request  J/1k tokens  cost/M  source
          mixed  18,000 J  14,310 J       300 W        150        2,345   0.137  counter
          counter: of 1 GPU and 1 processor package; not in it, the processors: no permission; counter: 61.5 W of it are drawn at rest, too
        ");
        assert!(section(&run, 60).expect("a section").lines().all(|line| line.chars().count() <= 60));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let mut run = counted();
        run.plan.monitoring.subtract_idle = true;
        run.plan.monitoring.estimate = Some(PowerEstimate { idle_watts: 15.0, busy_watts: 90.0 });
        let scope = &mut run.summary.scopes[0];
        scope.energy.net = true;
        scope.energy.shared = true;
        scope.energy.left_out = vec![(Subject::Gpu("1".to_owned()), "its counter did not move".to_owned())];
        let machine = Energy {
            class: Class::Estimated,
            idle_watts: None,
            parts: vec![(Subject::Machine, SensorKind::System)],
            ..scope.energy.by_class[0].clone()
        };
        scope.energy.by_class.push(machine);
        insta::assert_snapshot!(notes(&run.report()).join("\n"), @"
        counter: of 1 GPU and 1 processor package
        estimated: of 1 machine, from 15.0 W with idle processors to 90.0 W with busy ones, as the scenario says
        not in `mixed`, GPU 1: its counter did not move
        `mixed`: other phases ran beside it, so nothing tells what is its own
        counter: net of 61.5 W at rest
        estimated: what it draws at rest is not known, so there is no net
        ");
    }

    #[test]
    fn the_page_has_the_same() {
        let run = counted();
        let html = crate::report::html(&run.report(), &[]).expect("a page");
        for text in [">Energy and cost</h2>", ">J/1k tokens</th>", ">2,345</td>", ">counter</td>"] {
            assert!(html.contains(text), "{text}");
        }
        let quiet = crate::report::html(&fixture::quiet().report(), &[]).expect("a page");
        assert!(!quiet.contains(">Energy and cost</h2>"));
    }
}
