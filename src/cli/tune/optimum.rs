//! The level of a ladder of users that is worth writing down.

use crate::{
    config::suggest,
    metrics::{Ending, Summary},
    plan::{Pattern, Plan},
    verdict::{found, optima},
};

/// The users of the optimum of a ladder, and why it is that level.
///
/// # Errors
///
/// A run without such a ladder, with several and no `phase` to tell which, or with one that is not whole or has no level
/// that will do: a message, perhaps with a line of help.
pub(super) fn best_level(
    plan: &Plan,
    summary: &Summary,
    phase: Option<&str>,
) -> Result<(u32, String), String> {
    let phase = ladder(plan, phase)?;
    check_whole(plan, summary, phase)?;
    let optimum =
        optima(plan, summary, &found(plan, summary)).into_iter().find(|optimum| optimum.phase == phase);
    let optimum = optimum.ok_or_else(|| format!("`{phase}` has no levels to compare"))?;
    let level = planned(plan, phase).find(|(_, step)| optimum.step.as_deref() == Some(*step));
    match level {
        Some((users, _)) => Ok((users, optimum.reason)),
        None => Err(format!("`{phase}` has no best level: {}", optimum.reason)),
    }
}

/// The measured phase with several levels of users.
fn ladder<'a>(plan: &'a Plan, phase: Option<&str>) -> Result<&'a str, String> {
    let mut ladders: Vec<&str> = plan
        .loads()
        .filter(|(_, load)| load.measure && load.explores && matches!(load.pattern, Pattern::Closed { .. }))
        .map(|(step, _)| step.phase.as_str())
        .collect();
    ladders.dedup();
    ladders.retain(|phase| {
        let mut users: Vec<u32> = planned(plan, phase).map(|(users, _)| users).collect();
        users.dedup();
        users.len() > 1
    });
    let known = || suggest(phase.unwrap_or_default(), "its ladders", ladders.iter().copied());
    match (phase, &ladders[..]) {
        (_, []) => Err(
            "the run has no ladder: no measured phase has several levels of users\n  help: run one, such as \
                        `load.closed = { users = [1, 2, 4, 8] }`, or give the number with `--value N`"
                .to_owned(),
        ),
        (Some(name), all) => match all.iter().find(|ladder| **ladder == name) {
            Some(ladder) => Ok(ladder),
            None => Err(format!("the run has no ladder `{name}`\n  help: {}", known())),
        },
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(format!("the run has several ladders\n  help: `--phase NAME` says which; {}", known()))
        }
    }
}

/// The users and the names of a phase's levels, in the order of the plan.
fn planned<'a>(plan: &'a Plan, phase: &str) -> impl Iterator<Item = (u32, &'a str)> {
    plan.loads().filter(move |(step, _)| step.phase == phase).filter_map(|(step, load)| match load.pattern {
        Pattern::Closed { users, .. } => Some((users, step.name.as_str())),
        Pattern::Open { .. } | Pattern::Trace { .. } => None,
    })
}

/// Looks whether every level of a phase was measured.
fn check_whole(plan: &Plan, summary: &Summary, phase: &str) -> Result<(), String> {
    let was_measured = |step: &str| {
        let mut accounts = summary.accounts.iter();
        accounts.any(|account| account.phase == phase && account.name == step && account.issued > 0)
            && was_finished(summary, phase, step)
    };
    match planned(plan, phase).find(|(_, step)| !was_measured(step)) {
        Some((_, step)) => Err(format!(
            "the ladder `{phase}` is not whole: `{step}` was not measured to its end\n  help: run it again, or give the \
             number with `--value N`"
        )),
        None => Ok(()),
    }
}

/// Whether nothing cut a step short: the run went to its end, or to a later step.
fn was_finished(summary: &Summary, phase: &str, step: &str) -> bool {
    let behind = summary.accounts.iter().skip_while(|account| account.phase != phase || account.name != step);
    summary.ending == Ending::Completed || behind.skip(1).any(|later| later.issued > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bound;
    use crate::metrics::fixture::{MS, Run, SEC, answer, closed, failure, level, plan, target};
    use crate::record::Outcome;

    /// A ladder whose levels take so long per request with so many users, and fail in so many of ten rounds; nothing has
    /// ended the run yet.
    fn run_of(levels: &[(u32, u64, u64)], change: impl FnOnce(&mut Plan)) -> Run {
        let step = |users: &u32| level(closed("ladder", *users, 10), &format!("users={users}"));
        let mut planned = plan(&["main"], levels.iter().map(|(users, ..)| step(users)).collect());
        change(&mut planned);
        let mut run = Run::new(planned);
        for (index, (users, took_ms, failed)) in levels.iter().enumerate() {
            let (step, begin) = (index + 1, index as u64 * 100 * SEC);
            run.start(step, begin);
            for round in 0..10 {
                for user in 0..*users {
                    let due = begin + round * took_ms * MS;
                    let done = if round < *failed {
                        failure(due, took_ms * MS, Outcome::HttpError)
                    } else {
                        answer(due, took_ms * MS, &[])
                    };
                    run.push_user(step, user, done);
                }
            }
            run.finish(step, begin + 10 * took_ms * MS);
        }
        run
    }

    fn ladder_of(levels: &[(u32, u64, u64)], change: impl FnOnce(&mut Plan)) -> (Plan, Summary) {
        let run = run_of(levels, change).end();
        let summary = run.summary();
        (run.plan, summary)
    }

    fn users(levels: &[(u32, u64, u64)]) -> Result<u32, String> {
        let (plan, summary) = ladder_of(levels, |_| {});
        best_level(&plan, &summary, None).map(|(users, _)| users)
    }

    #[test]
    fn the_smallest_level_near_the_best_wins() {
        // throughput: 10, 20, 39.2, 40 requests a second
        assert_eq!(users(&[(1, 100, 0), (2, 100, 0), (4, 102, 0), (8, 200, 0)]), Ok(4));
        // 8 users bring a tenth more
        assert_eq!(users(&[(1, 100, 0), (4, 100, 0), (8, 182, 0)]), Ok(8));
        // written from the most users on
        assert_eq!(users(&[(8, 200, 0), (4, 100, 0), (1, 100, 0)]), Ok(4));
    }

    #[test]
    fn a_level_with_errors_is_out() {
        assert_eq!(users(&[(1, 100, 0), (4, 100, 0), (16, 100, 1)]), Ok(4));
        let error = users(&[(1, 100, 5), (4, 100, 10)]).expect_err("there is none");
        assert_eq!(
            error,
            "`ladder` has no best level: no level has errors under 5.0 % and latency within the targets: at 1 user 50.0 % of its \
             requests failed"
        );
    }

    #[test]
    fn targets_on_latency_hold_where_they_are_named() {
        let slow = |in_step: Option<&str>| {
            let (plan, summary) = ladder_of(&[(1, 100, 0), (4, 100, 0), (16, 150, 0)], |plan| {
                let mut target = target("quick", "e2e.p50", Bound::AtMost(0.12), "ladder");
                target.scopes[0].step = in_step.map(str::to_owned);
                plan.targets.push(target);
            });
            best_level(&plan, &summary, None).expect("a level").0
        };
        assert_eq!((slow(Some("users=16")), slow(Some("users=4"))), (4, 16));
    }

    #[test]
    fn a_ladder_has_to_be_there_named_and_whole() {
        let (planned, summary) = ladder_of(&[(1, 100, 0), (2, 100, 0)], |_| {});
        let error = best_level(&planned, &summary, Some("lader")).expect_err("there is none");
        assert_eq!(
            error,
            "the run has no ladder `lader`\n  help: did you mean `ladder`? its ladders: `ladder`"
        );
        assert_eq!(best_level(&planned, &summary, Some("ladder")).map(|(users, _)| users), Ok(2));

        let two =
            |phase: &str| [1, 2].map(|users| level(closed(phase, users, 10), &format!("users={users}")));
        let both = plan(&["main"], [two("one"), two("other")].concat());
        let error = best_level(&both, &summary, None).expect_err("there is none");
        assert_eq!(
            error,
            "the run has several ladders\n  help: `--phase NAME` says which; its ladders: `one`, `other`"
        );
        let error = best_level(&both, &summary, Some("one")).expect_err("there is none");
        assert!(
            error.starts_with("the ladder `one` is not whole: `users=1` was not measured to its end"),
            "{error}"
        );
        let error = best_level(&plan(&["main"], vec![closed("load", 4, 10)]), &summary, None)
            .expect_err("there is none");
        assert!(error.starts_with("the run has no ladder"), "{error}");
    }

    #[test]
    fn a_ladder_that_was_cut_short_has_no_optimum() {
        let levels = [(1, 100, 0), (2, 100, 0)];
        let cut = run_of(&levels, |_| {}).interrupted();
        let error = best_level(&cut.plan, &cut.summary(), None).expect_err("there is none");
        assert!(error.starts_with("the ladder `ladder` is not whole: `users=2` was not"), "{error}");

        let mut later = run_of(&levels, |plan| {
            let mut step = plan.steps[1].clone();
            (step.id, step.after, step.phase, step.name) =
                (3, vec![2], "later".to_owned(), "later".to_owned());
            plan.steps.push(step);
        });
        later.start(3, 300 * SEC);
        later.push_user(3, 0, answer(300 * SEC, MS, &[]));
        let cut = later.interrupted();
        assert_eq!(best_level(&cut.plan, &cut.summary(), None).map(|(users, _)| users), Ok(2));
    }
}
