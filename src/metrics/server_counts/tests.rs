//! What records leave open, and which pages tell of what.

use super::*;
use crate::{
    metrics::fixture::{MS, SEC, answer, closed, failure, plan},
    record::Class,
};

/// A request that is sent at a second and takes 100 ms: 10 prompt tokens, 4 output tokens.
fn whole(at_s: u64) -> Record {
    Record { endpoint: "chat".to_owned(), step_id: 1, ..answer(at_s * SEC, 70 * MS, &[10 * MS; 3]).0 }
}

fn failed(at_s: u64, outcome: Outcome) -> Record {
    let (record, _) = failure(at_s * SEC, 100 * MS, outcome);
    Record {
        endpoint: "chat".to_owned(),
        step_id: 1,
        requested_output_tokens: 4,
        input_tokens: None,
        ..record
    }
}

/// What a page says at a moment.
fn page(at_ms: u64, counts: &[(Quantity, f64)]) -> Vec<Sample> {
    let sample = |class, readings: BTreeMap<Quantity, f64>| Sample {
        at_ns: at_ms * MS,
        sensor: SensorKind::Prometheus,
        class,
        subject: Subject::Server(vec!["chat".to_owned(), "more".to_owned()]),
        readings,
        cores: Vec::new(),
        raw: BTreeMap::new(),
    };
    let running = BTreeMap::from([(Quantity::ServerRunning, 1.0)]);
    let counts: BTreeMap<_, _> = counts.iter().copied().collect();
    let mut samples = vec![sample(Class::Sampled, running)];
    samples.extend((!counts.is_empty()).then(|| sample(Class::Counter, counts)));
    samples
}

/// A page that counts requests, prompt tokens and output tokens.
fn counting(at_ms: u64, requests: f64, prompt: f64, output: f64) -> Vec<Sample> {
    page(
        at_ms,
        &[
            (Quantity::ServerRequests, requests),
            (Quantity::ServerPromptTokens, prompt),
            (Quantity::ServerGenerationTokens, output),
        ],
    )
}

fn compare(records: &[Record], pages: &[Vec<Sample>]) -> Vec<ServerCounts> {
    let plan = plan(&["chat", "more", "other"], vec![closed("warm", 1, 4), closed("load", 1, 4)]);
    let mut sent = SentBy::default();
    for record in records {
        let endpoint = plan.endpoints.iter().position(|endpoint| endpoint.name == record.endpoint);
        sent.add(&plan, endpoint.expect("an endpoint of the plan"), record);
    }
    let mut all = Pages::new(&plan, &sent);
    for sample in pages.iter().flatten() {
        all.add(sample);
    }
    let key = |phase: &str| ScopeKey { phase: phase.to_owned(), step: None, endpoint: None };
    all.finish(&BTreeMap::from([(1, key("warm")), (2, key("load"))]))
}

/// The counts of a run: what the server says, and what the records allow.
fn counts(records: &[Record], pages: &[Vec<Sample>]) -> Vec<(u64, u64, u64)> {
    let all = compare(records, pages);
    assert_eq!((all[0].key.as_ref(), all[0].why_not.as_ref()), (None, None));
    all[0].counts.iter().map(|count| (count.server, count.low, count.high)).collect()
}

/// Before the first request, and twice after the last one; whoever used the server before is none of the run.
fn three(requests: f64, prompt: f64, output: f64) -> [Vec<Sample>; 3] {
    [
        counting(900, 100.0, 1000.0, 7.0),
        counting(60_000, 100.0 + requests, 1000.0 + prompt, 7.0 + output),
        counting(60_100, 100.0 + requests, 1000.0 + prompt, 7.0 + output),
    ]
}

#[test]
fn what_records_leave_open_is_a_range() {
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = whole(2);
        change(&mut record);
        record
    };
    // beside one whole answer: requests, prompt tokens and output tokens from the fewest to the most
    for (case, record, ranges) in [
        ("a whole answer", whole(2), [(2, 2), (20, 20), (8, 8)]),
        (
            "of the server's other endpoint",
            with(&|it| it.endpoint = "more".to_owned()),
            [(2, 2), (20, 20), (8, 8)],
        ),
        ("of another server", with(&|it| it.endpoint = "other".to_owned()), [(1, 1), (10, 10), (4, 4)]),
        ("a warm-up", with(&|it| it.measured = false), [(2, 2), (20, 20), (8, 8)]),
        ("three prompts", with(&|it| it.batch = 3), [(4, 4), (20, 20), (8, 8)]),
        ("sent twice", with(&|it| it.attempts = 2), [(2, 3), (20, 30), (8, 12)]),
        ("a wrong answer", with(&|it| it.outcome = Outcome::WrongAnswer), [(2, 2), (20, 20), (8, 8)]),
        ("prompt tokens untold", with(&|it| it.input_tokens = None), [(2, 2), (10, 20), (8, 8)]),
        ("timed out", failed(2, Outcome::Timeout), [(1, 2), (10, 20), (4, 8)]),
        ("cancelled", failed(2, Outcome::Cancelled), [(1, 2), (10, 20), (4, 8)]),
        ("an error of the server", failed(2, Outcome::HttpError), [(1, 2), (10, 20), (4, 8)]),
        ("refused", failed(2, Outcome::RateLimited), [(1, 2), (10, 20), (4, 4)]),
        ("never sent", failed(2, Outcome::NotSent), [(1, 1), (10, 10), (4, 4)]),
    ] {
        let records = [Record { step_id: 1, ..whole(1) }, record];
        let got: Vec<(u64, u64)> =
            counts(&records, &three(2.0, 20.0, 8.0)).into_iter().map(|(_, low, high)| (low, high)).collect();
        assert_eq!(got, ranges, "{case}");
    }
}

#[test]
fn what_was_found_in_a_cache_was_not_computed() {
    let computed = |at_ms, prompt| page(at_ms, &[(Quantity::ServerPromptTokensComputed, prompt)]);
    let pages = [computed(900, 0.0), computed(60_000, 8.0), computed(60_100, 8.0)];
    for (cached, range) in [(Some(2), (8, 8)), (Some(0), (10, 10)), (None, (0, 10))] {
        let record = Record { cached_tokens: cached, ..whole(1) };
        assert_eq!(counts(&[record], &pages), [(8, range.0, range.1)], "{cached:?}");
    }
}

#[test]
fn a_count_that_is_on_no_page_yet_is_none() {
    let pages = [page(900, &[]), counting(60_000, 1.0, 10.0, 4.0), counting(60_100, 1.0, 10.0, 4.0)];
    assert_eq!(counts(&[whole(1)], &pages), [(1, 1, 1), (10, 10, 10), (4, 4, 4)]);
    // and one that no page has is not compared
    let pages = [page(900, &[]), page(60_000, &[]), page(60_100, &[])];
    assert!(compare(&[whole(1)], &pages).is_empty());
    assert!(compare(&[], &three(0.0, 0.0, 0.0)).is_empty(), "nothing was sent to it");
}

#[test]
fn what_cannot_be_compared_says_so() {
    let [before, after, last] = three(1.0, 10.0, 4.0);
    let late = counting(1001, 100.0, 1000.0, 7.0);
    let anew = counting(1050, 0.0, 0.0, 0.0);
    // it was asked for before the last request had ended
    let early = counting(1200, 101.0, 1010.0, 11.0);
    for (case, pages, why) in [
        (
            "late",
            vec![late.clone(), after.clone(), last.clone()],
            "its page came after the first request was sent",
        ),
        (
            "anew",
            vec![before.clone(), anew, after.clone(), last],
            "it began to count anew, so it was started again",
        ),
        (
            "early",
            vec![before.clone(), late, early],
            "its page did not come after the last request had ended",
        ),
        ("one", vec![before, after], "its page did not come after the last request had ended"),
    ] {
        let all = compare(&[whole(1)], &pages);
        assert_eq!(all.len(), 1, "{case}");
        assert_eq!((all[0].why_not.as_deref(), all[0].counts.len()), (Some(why), 0), "{case}");
    }
}

#[test]
fn a_step_is_compared_where_nothing_else_was_on_the_way() {
    let second = |at_s| Record { step_id: 2, ..whole(at_s) };
    let pages = |between: &[u64]| {
        let mut pages = vec![counting(500, 0.0, 0.0, 0.0)];
        pages.extend(between.iter().map(|at_ms| counting(*at_ms, 1.0, 10.0, 4.0)));
        pages.extend([60_000, 60_100].map(|at_ms| counting(at_ms, 2.0, 20.0, 8.0)));
        pages
    };
    let steps = |records: &[Record], between: &[u64]| -> Vec<String> {
        let all = compare(records, &pages(between));
        let step = |of: &ServerCounts| of.key.as_ref().map_or("all".to_owned(), |key| key.phase.clone());
        all.iter().map(|of| format!("{} {}", step(of), of.counts[0].server)).collect()
    };
    let apart = [whole(1), second(5)];
    assert_eq!(steps(&apart, &[2000, 3000, 4000]), ["all 2", "warm 1", "load 1"]);
    // one page between them: it was asked for while the first one was on its way, or before
    assert_eq!(steps(&apart, &[2000]), ["all 2"]);
    let together = [whole(1), second(1)];
    assert_eq!(steps(&together, &[2000, 3000]), ["all 2"]);
}

#[test]
fn a_gap_is_what_lies_beyond_the_bounds() {
    for (server, low, high, gap) in [
        (100, 100, 100, 0.0),
        (110, 100, 100, 0.1),
        (90, 100, 100, -0.1),
        (95, 90, 100, 0.0),
        (81, 90, 100, -0.1),
        (1, 0, 0, f64::INFINITY),
        (0, 0, 0, 0.0),
    ] {
        let quantity = Quantity::ServerRequests;
        let counted = Counted { quantity, server, low, high, open: 0, from_chunks: 0 };
        assert!((counted.gap() - gap).abs() < 1e-12 || counted.gap() == gap, "{server} {low} {high}");
    }
}
