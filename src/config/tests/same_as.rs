//! Loads that are a share of another phase's, and where limits on endpoints bind.

use super::*;
use crate::config::{Order, Stage};

/// Three servers; the mixed phases spread their load over them 0.2, 0.3 and 0.5.
const SERVERS: &str = "[endpoints.a]\nurl = \"http://127.0.0.1:1/v1\"\nweight = 0.4\n\
                       [endpoints.b]\nurl = \"http://127.0.0.1:2/v1\"\nweight = 0.6\n";

/// The phase `solo` beside a `mixed` one; without `main` of the other tests.
fn solo(mixed: &str, solo: &str) -> crate::config::Phase {
    let text = format!(
        "version = 1\nname = \"test\"\n{SERVERS}[phases.solo]\nendpoints = [\"a\"]\nload.same_as = \"mixed\"\n{solo}\n\
         [phases.mixed]\n{mixed}\n"
    );
    let input = Input { name: "test.toml", text: &text, platform: None, sets: &[] };
    match compile_with(&input, &Machine::default(), &|_| None, &nothing, PRESETS).map(only) {
        Ok(scenario) => scenario.phases["solo"].clone(),
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

#[test]
fn a_solo_phase_takes_its_share_of_users_and_ends_like_the_mixed_one() {
    let phase =
        solo("duration = \"60s\"\nload.closed = { users = 20, ramp_up = \"10s\", think_time = \"1s\" }", "");
    let Load::Closed(closed) = &phase.load else { panic!("a closed loop") };
    assert_eq!(
        (closed.users.as_slice(), closed.ramp_up.as_secs(), closed.think_time.as_secs()),
        (&[8][..], 10, 1)
    );
    assert_eq!((phase.requests, phase.duration), (None, Some(Duration::from_secs(60))));
    let same = phase.same_as.expect("it says where it came from");
    assert_eq!(same.phase, "mixed");
    assert!((same.share - 0.4).abs() < 1e-12);
    assert_eq!(phase.order, Order::InTurn);
    // levels that come to the same are one, and nobody has less than one user
    let ladder = solo("load.closed = { users = [1, 2, 4, 10] }", "");
    assert_eq!(ladder.load.levels(), ["users=1", "users=2", "users=4"]);
    // 100 requests where nobody says how many
    assert_eq!(ladder.requests, Some(40));
    // what it says itself counts
    let bounded = solo("duration = \"60s\"\nrequests = 50\nload.closed = { users = 20 }", "requests = 7");
    assert_eq!((bounded.requests, bounded.duration), (Some(7), None));
    let beside = solo("duration = \"60s\"\nload.closed = { users = 20 }", "during = \"mixed\"");
    assert_eq!((beside.requests, beside.duration), (None, None));
}

#[test]
fn a_solo_phase_takes_its_share_of_rates() {
    let phase = solo(
        "duration = \"3m\"\nload.open = { arrivals = { gamma = { cv = 2.0 } }, rate = 8, concurrency_limit = 10, \
         spikes = { every = \"1m\", lasting = \"5s\", rate = 40 } }",
        "",
    );
    let Load::Open(open) = &phase.load else { panic!("an open loop") };
    assert_eq!(open.arrivals, Arrivals::Gamma { cv: 2.0 });
    assert_eq!(open.shape, Shape::Rates(vec![3.2]));
    assert_eq!(open.concurrency_limit, Some(4));
    assert_eq!(open.spikes.map(|spikes| (spikes.rate, spikes.every.as_secs())), Some((16.0, 60)));

    let staged =
        solo("load.open.stages = [{ from = 0, to = 10, over = \"9s\" }, { hold = 10, over = \"1s\" }]", "");
    let Load::Open(open) = &staged.load else { panic!("an open loop") };
    let stage = |from, to, over| Stage { from, to, over: Duration::from_secs(over) };
    assert_eq!(open.shape, Shape::Stages(vec![stage(0.0, 4.0, 9), stage(4.0, 4.0, 1)]));
    assert_eq!(
        (staged.requests, staged.duration, staged.length()),
        (None, None, Some(Duration::from_secs(10)))
    );
}

#[test]
fn a_platform_may_change_the_load_that_is_shared() {
    let text = format!(
        "version = 1\nname = \"test\"\n{SERVERS}[phases.solo]\nendpoints = [\"a\"]\nload.same_as = \"mixed\"\n\
         [phases.mixed]\nduration = \"60s\"\nload.closed = {{ users = 20 }}\n\
         [platforms.outer.phases.mixed]\nload.closed = {{ users = 50 }}\n"
    );
    let input = Input { name: "test.toml", text: &text, platform: Some("outer"), sets: &[] };
    let scenario = compile_with(&input, &Machine::default(), &|_| None, &nothing, PRESETS)
        .map(only)
        .expect("all is well");
    assert_eq!(scenario.phases["solo"].load.levels(), ["users=20"]);
    // the one-of merges as loads do
    let sets = ["phases.solo.load.closed.users=3".to_owned()];
    let input = Input { sets: &sets, ..input };
    let scenario = compile_with(&input, &Machine::default(), &|_| None, &nothing, PRESETS)
        .map(only)
        .expect("all is well");
    assert_eq!(
        (scenario.phases["solo"].load.levels(), &scenario.phases["solo"].same_as),
        (vec!["users=3".to_owned()], &None)
    );
}

#[test]
fn an_order_of_a_higher_layer_replaces_the_one_below() {
    let text = "[phases.main]\nload.closed = { users = 1 }\n[phases.side]\nduring = \"main\"\nload.closed = { users = 1 }\n";
    assert_eq!(compiled(None, text, &[]).phases["side"].order, Order::During("main".to_owned()));
    let set = compiled(None, text, &["phases.side.after=[]", "phases.side.duration=3"]);
    assert_eq!(set.phases["side"].order, Order::After(Vec::new()));
}

#[test]
fn a_limit_binds_where_somebody_asked_for_it() {
    const LIMITED: &[(&str, &str)] =
        &[("one", "[detect]\nos = \"plan9\"\n[defaults]\nmax_endpoints = 1\n"), ("cpu_only", "")];
    let phases = "[phases.mixed]\nload.closed = { users = 2 }\n";
    let plan9 = Machine { os: "plan9".to_owned(), ..Machine::default() };
    let load = |platform: Option<&str>, more: &str, sets: &[String]| {
        let text = format!("version = 1\nname = \"test\"\n{SERVERS}{phases}{more}");
        let input = Input { name: "test.toml", text: &text, platform, sets };
        compile_with(&input, &plan9, &|_| None, &nothing, LIMITED)
            .map(|cases| only(cases).defaults.max_endpoints)
    };
    let set = ["defaults.max_endpoints=1".to_owned()];
    // detected: the plan warns
    assert_eq!(load(None, "", &[]).ok(), Some(1));
    // chosen by name, in the file, by a flag
    for (platform, more, sets) in [
        (Some("one"), "", &[][..]),
        (Some("cpu_only"), "defaults.max_endpoints = 1\n", &[]),
        (Some("cpu_only"), "", &set),
    ] {
        let more = if more.is_empty() {
            String::new()
        } else {
            format!("[defaults]\n{}", more.replace("defaults.", ""))
        };
        let problems = load(platform, &more, sets).expect_err("two servers at once");
        assert!(problems.render(false).contains("2 endpoints on this machine are loaded at once"), "{more}");
    }
    // what a platform that is not in use says by its preset does not matter here
    assert_eq!(load(Some("cpu_only"), "[platforms.one]\nseed = 3\n", &[]).ok(), Some(5));
    let said = load(Some("cpu_only"), "[platforms.one.defaults]\nmax_endpoints = 1\n", &[])
        .expect_err("its own words do");
    assert!(
        said.render(false).contains("on platform `one`") || said.render(false).contains("[platforms.one"),
        "{said}"
    );
}
