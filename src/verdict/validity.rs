//! Is it a measurement at all: checks that every run can be put to from its records and its plan.

use crate::{
    catalog::Kind,
    config::{Arrivals, Severity},
    metrics::{Account, COVERED, Ending, Summary},
    plan::{LoadStep, Pattern, Plan, Step, schedule::expected_arrivals},
    record::StopCause,
    units::{show_count, show_count_of, show_number, show_share, write_duration},
    verdict::{
        Check, Found, Judged,
        counts::counted_alike,
        instrument::{is_steady, littles_law, not_the_limit, sent_on_time},
    },
};

/// A count of arrivals may miss its expectation by so many of its square roots: 4 standard deviations of a Poisson
/// count, one healthy step in 16,000.
const COUNT_DEVIATIONS: f64 = 4.0;

/// All checks, in the order of their numbers.
pub(super) fn checks(plan: &Plan, summary: &Summary, targets: &[Judged], searches: &[Found]) -> Vec<Check> {
    if plan.watches() {
        // the others are about requests
        return was_read(targets).into_iter().collect();
    }
    let always = [
        accounts_balance(summary),
        nothing_capped(plan, summary, searches),
        sent_on_time(plan, summary, targets),
        not_the_limit(plan, summary, targets),
        load_as_planned(plan, summary),
        littles_law(summary),
        is_steady(plan, summary, searches),
    ];
    always.into_iter().chain(was_read(targets)).chain(counted_alike(summary)).collect()
}

/// Check 7: what a target needs was really read. Where it was not, that target alone is void; `None` where no target that decides
/// needs any of it.
fn was_read(targets: &[Judged]) -> Option<Check> {
    let needing: Vec<&Judged> = targets
        .iter()
        .filter(|row| row.severity != Severity::Info && row.metric.metric.kind() == Kind::Reading)
        .collect();
    if needing.is_empty() {
        return None;
    }
    let unread = needing.iter().filter(|row| row.value.is_none());
    let mut faults: Vec<String> = unread.map(|row| format!("`{}`: {}", row.metric, row.note)).collect();
    faults.sort();
    faults.dedup();
    let all = show_count_of(needing.len() as u64, "row");
    Some(Check {
        id: "7",
        name: "what targets need was read",
        void: false,
        ok: faults.is_empty(),
        value: if faults.is_empty() { format!("read for {all}") } else { faults.join("; ") },
        limit: format!("over {} of each window; else the target is not judged", show_share(COVERED)),
        advice: "remove the target, or make its source available".to_owned(),
    })
}

/// The step for people.
pub(super) fn title(account: &Account) -> String {
    if account.name == account.phase {
        format!("`{}`", account.phase)
    } else {
        format!("`{} · {}`", account.phase, account.name)
    }
}

/// Check 1: due = sent + not sent; sent = ok + every kind of failure.
fn accounts_balance(summary: &Summary) -> Check {
    let complete = summary.ending == Ending::Completed;
    let faults: Vec<String> =
        summary.accounts.iter().filter_map(|account| imbalance(account, complete)).collect();
    let sum = |of: fn(&Account) -> u64| show_count(summary.accounts.iter().map(of).sum());
    let unknown = summary.accounts.iter().any(|account| account.unknown > 0);
    let (sent, not_sent) = (sum(|account| account.sent), sum(|account| account.not_sent));
    let lost = if unknown { format!(" + {} unknown", sum(|account| account.unknown)) } else { String::new() };
    let mut value = vec![
        format!("{} due = {sent} sent + {not_sent} not sent{lost}", sum(|account| account.issued)),
        format!("{sent} sent = {} ok + {} failed", sum(Account::ok), sum(Account::failed)),
    ];
    let ok = faults.is_empty();
    value.extend(faults);
    Check {
        id: "1",
        name: "accounts balance",
        void: true,
        ok,
        value: value.join("; "),
        limit: "every due request is accounted for, once".to_owned(),
        advice:
            "records are missing or wrong: run again with free disk space, and report it if it happens twice"
                .to_owned(),
    }
}

/// What does not add up in a step.
fn imbalance(account: &Account, complete: bool) -> Option<String> {
    let fault = match account.scheduled {
        None if complete => "it never ended".to_owned(),
        Some(scheduled) if complete && scheduled != account.issued => {
            format!("{} due, {} issued", show_count(scheduled), show_count(account.issued))
        }
        _ if account.issued != account.records + account.unknown => {
            format!("{} issued, {} recorded", show_count(account.issued), show_count(account.records))
        }
        _ if account.contradictions > 0 => {
            format!(
                "records that contradict themselves or each other: {}",
                show_count(account.contradictions)
            )
        }
        _ => return None,
    };
    Some(format!("{}: {fault}", title(account)))
}

/// Check 2a: nothing due was left unsent because of a safety cap of our own. Of the trials of a search only the one that is its limit may
/// not: what another one left unsent has failed its level, which is what it was to find out.
fn nothing_capped(plan: &Plan, summary: &Summary, searches: &[Found]) -> Check {
    let ceiling = plan.limits.ceiling;
    match summary.ending {
        Ending::Stopped(StopCause::RequestCeiling) => {
            return stopped_at("requests", &show_count_of(ceiling.requests, "request"));
        }
        Ending::Stopped(StopCause::DurationCeiling) => {
            return stopped_at("duration", &write_duration(ceiling.duration));
        }
        _ => {}
    }
    let cap = plan.limits.max_in_flight;
    let capped: Vec<&Account> = summary
        .accounts
        .iter()
        .filter(|account| account.not_sent > 0 && can_meet_the_cap(load_of(plan, account), cap))
        .filter(|account| !searches.iter().any(|found| found.only_tried(&account.phase, Some(&account.name))))
        .collect();
    let total: u64 = capped.iter().map(|account| account.not_sent).sum();
    let value = if capped.is_empty() {
        "none left unsent".to_owned()
    } else {
        let steps: Vec<String> = capped.into_iter().map(title).collect();
        format!("{} left unsent in {}", show_count(total), steps.join(", "))
    };
    Check {
        id: "2a",
        name: CAPPED,
        void: true,
        ok: total == 0,
        value,
        limit: format!("none left unsent at `run.max_in_flight` = {}", show_count(u64::from(cap))),
        advice: "raise `run.max_in_flight` or lower the load; a `concurrency_limit` in the phase queues instead and \
                 is part of the experiment"
            .to_owned(),
    }
}

/// The name of check 2a.
const CAPPED: &str = "no request met the safety cap";

/// Check 2a of a run that its ceiling stopped.
fn stopped_at(key: &str, ceiling: &str) -> Check {
    Check {
        id: "2a",
        name: CAPPED,
        void: true,
        ok: false,
        value: format!("stopped at the ceiling of {ceiling}"),
        limit: format!("the whole plan within `run.ceiling.{key}`"),
        advice: format!("plan less, or lift the ceiling: `--ceiling {key}=…`"),
    }
}

/// Whether a request of a step can have met the cap: where the plan's own limit is not above it, only the plan's own
/// queue leaves requests unsent.
fn can_meet_the_cap(load: Option<&LoadStep>, cap: u32) -> bool {
    load.and_then(|load| load.pattern.concurrency_limit()).is_none_or(|limit| limit > cap)
}

/// Check 4: the offered load was the planned load.
fn load_as_planned(plan: &Plan, summary: &Summary) -> Check {
    let check = |ok: bool, value: String| Check {
        id: "4",
        name: "offered load was the planned load",
        void: true,
        ok,
        value,
        limit: "within 4 √planned of an open loop's count, exactly a count that the plan names".to_owned(),
        advice:
            "the machine could not keep the schedule or the run broke off: free the machine and run again"
                .to_owned(),
    };
    if summary.ending != Ending::Completed {
        return check(true, "not judged, the run was cut short".to_owned());
    }
    let measured = || summary.accounts.iter().filter(|account| account.measured);
    let open = |account: &Account| load_of(plan, account).is_some_and(|load| load.pattern.is_open());
    if measured().next().is_some() && measured().all(|account| account.scheduled == Some(0) && open(account))
    {
        let nothing = check(false, "the schedule has no arrivals in the phases that count".to_owned());
        let advice = "let the phases last longer, or raise their rate".to_owned();
        return Check { advice, ..nothing };
    }
    if measured().next().is_some() && measured().all(|account| account.sent == 0) {
        return check(false, "nothing was sent".to_owned());
    }
    let mut planned_steps = 0;
    let mut faults = Vec::new();
    for account in &summary.accounts {
        let Some((planned, tolerance)) = plan.steps.get(account.step).and_then(|step| planned(step, account))
        else {
            continue;
        };
        planned_steps += 1;
        if (account.issued as f64 - planned).abs() > tolerance {
            faults.push(format!(
                "{}: {}, planned {} ± {}",
                title(account),
                show_count_of(account.issued, "request"),
                show_number(planned),
                show_number(tolerance),
            ));
        }
    }
    if faults.is_empty() {
        let issued = show_count_of(summary.accounts.iter().map(|account| account.issued).sum(), "request");
        let steps = show_count_of(planned_steps, "step");
        return check(true, format!("{issued}; as planned in {steps} with a planned count"));
    }
    check(false, faults.join("; "))
}

/// The number of requests that the plan says, and how far the real one may be from it; `None` where it depends on
/// the answers.
fn planned(step: &Step, account: &Account) -> Option<(f64, f64)> {
    let load = step.load()?;
    if load.until.is_some() && load.requests.is_none_or(|requests| account.issued < requests) {
        // another step ended it
        return None;
    }
    match (&load.pattern, load.requests) {
        (Pattern::Trace { part, .. }, _) => part.map(|part| (part.requests as f64, 0.0)),
        // bursts spread a count far and unevenly, so what the seed makes of it is held against it
        (Pattern::Open { arrivals: Arrivals::Gamma { .. }, .. }, _) if !step.expected.assumed => {
            step.expected.requests.map(|requests| (requests, 0.0))
        }
        (Pattern::Open { arrivals, .. }, _) => {
            let expected = expected_arrivals(load)?;
            let exact = load.duration.is_none() && load.requests.is_some();
            // in the long run the deviation of a renewal process is that of its gaps times that of a Poisson count
            let spread = if let Arrivals::Gamma { cv } = arrivals { cv.max(1.0) } else { 1.0 };
            Some((expected, if exact { 0.0 } else { COUNT_DEVIATIONS * spread * expected.sqrt() }))
        }
        (Pattern::Closed { .. }, Some(requests)) if load.duration.is_none() || account.issued >= requests => {
            Some((requests as f64, 0.0))
        }
        _ => None,
    }
}

fn load_of<'a>(plan: &'a Plan, account: &Account) -> Option<&'a LoadStep> {
    plan.steps.get(account.step)?.load()
}
