use crate::{
    config::{
        Content, DataFile, DataFormat, Dataset, Lengths, OnBadRow, PromptLength, RowOrder, Scenario,
        Synthetic, Workload,
    },
    plan::{Plan, compile, datasets, diff::diff, fixture, render},
};

type Change = fn(&mut Dataset);

fn dataset() -> Dataset {
    Dataset {
        file: DataFile {
            path: "data/chat.jsonl".to_owned(),
            format: DataFormat::Jsonl,
            field: Some("prompt".to_owned()),
            template: None,
            output_tokens_field: None,
            answers: false,
            on_bad_row: OnBadRow::Fail,
            limit: None,
        },
        prefix: String::new(),
        output_tokens: Some(Lengths::Constant(50)),
        order: RowOrder::Shuffled,
        repeat: false,
        content: Some(Content {
            rows: 150,
            skipped: 0,
            first_skipped: None,
            sha256: "ab".repeat(32),
            mean_prompt_tokens: 40.0,
            mean_output_tokens: None,
        }),
    }
}

/// A warm-up of 20 requests, then 100, with prompts out of a file.
fn scenario(change: impl FnOnce(&mut Dataset)) -> Scenario {
    let mut dataset = dataset();
    change(&mut dataset);
    let mut scenario = fixture::bare();
    scenario.workloads["prose"] = Workload::Dataset(dataset);
    scenario.phases = fixture::named([
        ("warmup", fixture::phase(Some(20), None, fixture::closed(&[2]))),
        ("users", fixture::phase(Some(100), None, fixture::closed(&[4]))),
    ]);
    scenario
}

fn plan(change: impl FnOnce(&mut Dataset)) -> Plan {
    compile(&scenario(change))
}

fn content(dataset: &mut Dataset) -> &mut Content {
    dataset.content.as_mut().expect("looked into")
}

#[test]
fn a_plan_shows_its_datasets() {
    let plan = plan(|dataset| {
        dataset.order = RowOrder::File;
        let content = content(dataset);
        (content.rows, content.skipped) = (100, 1000);
        content.first_skipped = Some("line 3 is no JSON: expected value at column 1".to_owned());
    });
    insta::assert_snapshot!(render::text(&plan));
    let read_back = Plan::from_json(&plan.to_json()).expect("what was written");
    assert_eq!(read_back, plan);
}

#[test]
fn the_content_is_the_experiment_and_the_path_is_not() {
    let hash = plan(|_| ()).experiment;
    let same: [(&str, Change); 4] = [
        ("path", |d| "elsewhere.jsonl".clone_into(&mut d.file.path)),
        ("skipped rows", |d| d.file.on_bad_row = OnBadRow::Skip),
        ("repeat", |d| d.repeat = true),
        ("what was estimated", |d| content(d).mean_prompt_tokens = 41.0),
    ];
    for (what, change) in same {
        assert_eq!(plan(change).experiment, hash, "{what}");
    }
    let other: [(&str, Change); 7] = [
        ("content", |d| content(d).sha256 = "cd".repeat(32)),
        ("format", |d| d.file.format = DataFormat::Csv),
        ("field", |d| d.file.field = Some("question".to_owned())),
        ("lengths", |d| d.output_tokens = Some(Lengths::Constant(51))),
        ("lengths of the rows", |d| {
            d.output_tokens = None;
            d.file.output_tokens_field = Some("n".to_owned());
        }),
        ("prefix", |d| d.prefix.push('!')),
        ("order", |d| d.order = RowOrder::File),
    ];
    let mut hashes = vec![hash];
    for (what, change) in other {
        let hash = plan(change).experiment;
        assert!(!hashes.contains(&hash), "{what}");
        hashes.push(hash);
    }
    // the same file, of which only as many rows are used as there are
    assert_ne!(plan(|d| d.file.limit = Some(150)).experiment, hashes[0]);
}

#[test]
fn prompts_that_come_again_are_warned_about() {
    let warned = |scenario: &Scenario| {
        let plan = compile(scenario);
        plan.warnings.into_iter().filter(|warning| warning.contains("come again")).collect::<Vec<_>>()
    };
    assert!(warned(&scenario(|_| ())).is_empty());
    let few = |dataset: &mut Dataset| content(dataset).rows = 90;
    assert_eq!(
        warned(&scenario(few)),
        [
            "`workloads.prose.dataset`: 30 of 120 prompts come again, since `data/chat.jsonl` has 90 rows; a server that \
             keeps prefixes answers those faster than any that are new to it\nhelp: send fewer requests, or use a larger \
             file; where it is meant, set `workloads.prose.dataset.repeat = true`"
        ]
    );
    let meant = |dataset: &mut Dataset| {
        few(dataset);
        dataset.repeat = true;
    };
    assert!(warned(&scenario(meant)).is_empty());

    // a warm-up that nobody can count does not rehearse what comes behind it
    let mut timed = scenario(|_| ());
    timed.phases["warmup"] = fixture::phase(None, Some(5), fixture::closed(&[1]));
    timed.phases["users"] = fixture::phase(Some(80), None, fixture::closed(&[4]));
    assert!(warned(&timed).is_empty());
    // several prompts a request use as many rows
    let mut several = scenario(|_| ());
    several.endpoints["flash"].protocol = crate::catalog::Protocol::OpenaiCompletions;
    several.phases["users"].batch_sizes = vec![2];
    assert!(warned(&several)[0].contains("70 of 220 prompts come again"), "{:?}", warned(&several));
}

#[test]
fn nothing_is_said_of_what_no_request_comes_from() {
    let mut scenario = scenario(|_| ());
    scenario.workloads.insert(
        "other".to_owned(),
        Workload::Synthetic(Synthetic {
            prompt: PromptLength::Tokens(Lengths::Constant(10)),
            output_tokens: Lengths::Constant(10),
            prefix: String::new(),
            shared_prefix_tokens: 0,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
        }),
    );
    "other".clone_into(&mut scenario.endpoints["flash"].workload);
    assert!(datasets::lines(&compile(&scenario)).is_empty());
}

#[test]
fn a_difference_shows_the_content() {
    let (before, after) = (plan(|_| ()), plan(|dataset| content(dataset).sha256 = "cd".repeat(32)));
    let difference = diff(&before, &after);
    let field = difference.plan.iter().find(|field| field.field == "datasets").expect("it differs");
    assert_eq!(field.before["prose"], "ab".repeat(32));
    assert_eq!(field.after["prose"], "cd".repeat(32));
    assert!(
        difference.text("a", "b").contains("prose: 150 rows, cdcdcdcdcdcd"),
        "{}",
        difference.text("a", "b")
    );
}
