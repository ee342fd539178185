//! Matrices: their cases, the names of these, and what pins an axis.

use super::{
    super::case_name, Bound, HEAD, Input, Layer, Load, PRESETS, Scenario, compile_with, nothing, origin,
};
use crate::machine::Machine;

fn cases_of(text: &str, platform: Option<&str>, sets: &[&str]) -> Result<Vec<Scenario>, String> {
    let text = format!("{HEAD}{text}");
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name: "test.toml", text: &text, platform, sets: &sets };
    let env = |name: &str| (name == "MODEL").then(|| "m".to_owned());
    compile_with(&input, &Machine::default(), &env, &nothing, PRESETS)
        .map_err(|problems| problems.render(false))
}

fn cases(text: &str, sets: &[&str]) -> Vec<Scenario> {
    cases_of(text, None, sets).unwrap_or_else(|problems| panic!("{problems}"))
}

fn names(text: &str, sets: &[&str]) -> Vec<String> {
    cases(text, sets).iter().map(|scenario| case_name(&scenario.case)).collect()
}

fn users(scenario: &Scenario) -> &[u32] {
    match &scenario.phases["main"].load {
        Load::Closed(closed) => &closed.users,
        other => panic!("{other:?}"),
    }
}

const MAIN: &str = "[phases.main]\nload.closed = { users = 4 }\n";
const TWO: &str = "[phases.main]\nload.closed = { users = 4 }\n\
                   [matrix.phases.main.load.closed]\nusers = [1, 2, 4]\n[matrix.endpoints.main]\nmodel = [\"a\", \"b\"]\n";

#[test]
fn every_combination_is_a_case_and_the_last_axis_changes_fastest() {
    let all = [
        "users=1,model=a",
        "users=1,model=b",
        "users=2,model=a",
        "users=2,model=b",
        "users=4,model=a",
        "users=4,model=b",
    ];
    assert_eq!(names(TWO, &[]), all);
    let third = &cases(TWO, &[])[2];
    assert_eq!(users(third), [2]);
    assert_eq!(third.case[0].path, "phases.main.load.closed.users");
    let set = origin(third, "phases.main.load.closed.users");
    assert_eq!(set, Some(("2".to_owned(), Layer::Matrix, "test.toml".to_owned())));
    assert_eq!(names(MAIN, &[]), [""], "a scenario without a matrix is one case");
}

#[test]
fn a_case_lies_above_platforms_and_below_flags() {
    let text = format!("{TWO}[platforms.inner.phases.main.load.closed]\nusers = 9\nramp_up = \"3s\"\n");
    let on_inner = cases_of(&text, Some("inner"), &[]).expect("cases");
    assert_eq!(users(&on_inner[0]), [1]);
    assert_eq!(
        origin(&on_inner[0], "phases.main.load.closed.ramp_up").map(|origin| origin.1),
        Some(Layer::Platform)
    );
    let flagged = cases(TWO, &["phases.main.load.closed.ramp_up=5s", "run.label=x"]);
    assert_eq!((flagged.len(), flagged[5].run.label.as_str()), (6, "x"));
}

#[test]
fn a_flag_pins_an_axis() {
    for (sets, left) in [
        (&["phases.main.load.closed.users=3"][..], &["model=a", "model=b"][..]),
        (&["phases.main.load.closed={ users = 3 }"], &["model=a", "model=b"]),
        // another load leaves no users to vary
        (&["phases.main.load.open.rate=3"], &["model=a", "model=b"]),
        (&["phases.main.pause=3"], &["model=a", "model=b"]),
        (&["endpoints.main.model=z"], &["users=1", "users=2", "users=4"]),
        (&["endpoints.main.model=z", "phases.main.load.closed.users=[2, 3]"], &[""]),
        // an axis may get other values
        (&["matrix.endpoints.main.model=[\"z\"]", "phases.main.load.closed.users=3"], &["model=z"]),
    ] {
        let text = if sets[0].contains("pause") {
            format!("{TWO}[phases.other]\nload.closed = {{}}\n")
        } else {
            TWO.to_owned()
        };
        assert_eq!(names(&text, sets), left, "{sets:?}");
    }
    let pinned = cases(TWO, &["phases.main.load.closed.users=3"]);
    assert!(pinned.iter().all(|case| users(case) == [3]));
}

#[test]
fn an_element_is_the_value_whatever_it_is() {
    for (matrix, expected) in [
        ("phases.main.load.closed.users = [[1, 2], [4, 8]]", &["users=1+2", "users=4+8"][..]),
        ("phases.main.load.closed.ramp_up = [\"1s\", 2.5]", &["ramp_up=1s", "ramp_up=2.5"]),
        ("endpoints.main.stream = [true, false]", &["stream=true", "stream=false"]),
        (
            "endpoints.main.url = [\"http://a:1/v1\", \"http://b:2/v1\"]",
            &["url=http-a-1-v1", "url=http-b-2-v1"],
        ),
        (
            "phases.main.load = [{ closed = { users = 7 } }, { open = { rate = 2 } }]",
            &["load=closed.users-7", "load=open.rate-2"],
        ),
        ("endpoints.main.model = [\"${MODEL}\", \"$$\"]", &["model=m", "model=~2"]),
        // what looks the same is told apart by its place
        ("endpoints.main.model = [\"a/b\", \"a b\", \"c\"]", &["model=a-b~1", "model=a-b~2", "model=c"]),
        ("seed = [1, 2]", &["seed=1", "seed=2"]),
    ] {
        assert_eq!(names(&format!("{MAIN}[matrix]\n{matrix}\n"), &[]), expected);
    }
    let loads = cases(
        &format!("{MAIN}[matrix]\nphases.main.load = [{{ closed.ramp_up = 7 }}, {{ open.rate = 2 }}]\n"),
        &[],
    );
    assert_eq!(users(&loads[0]), [4], "a table is laid over what is there");
    assert!(matches!(&loads[1].phases["main"].load, Load::Open(_)));
    let long = format!("{MAIN}[matrix]\nendpoints.main.model = [\"{}\", \"é/\"]\n", "x".repeat(90));
    assert_eq!(names(&long, &[]), [format!("model={}", "x".repeat(32)), "model=~2".to_owned()]);
}

#[test]
fn long_lists_are_told_by_where_they_differ() {
    let named = |lists: &str| {
        let text = format!(
            "{MAIN}[services.s]\ncommand = \"server\"\nready.tcp = \"localhost:1\"\n[matrix]\nservices.s.args = {lists}\n"
        );
        names(&text, &[])
    };
    let start = r#""-m", "a-model-with-a-long-name.gguf", "--port", "8080""#;
    let lists = format!(r#"[[{start}, "--slots", "4"], [{start}, "--slots", "16"]]"#);
    assert_eq!(named(&lists), ["args=4", "args=16"]);
    let lists = format!(r#"[["--slots", "4", {start}], ["--slots", "8", "--fast", {start}]]"#);
    assert_eq!(named(&lists), ["args=4", "args=8+--fast"]);
    // a part of the other one has nothing of its own
    let lists = format!(r#"[[{start}], [{start}, "--fast"]]"#);
    let names = named(&lists);
    assert!(names[0].ends_with("~1") && names[1].ends_with("~2"), "{names:?}");
    assert_eq!(named(r#"[["-a", "1"], ["-a", "2"]]"#), ["args=-a+1", "args=-a+2"]);
}

#[test]
fn an_axis_goes_by_the_shortest_end_of_its_address_that_is_its_own() {
    let text = format!(
        "{MAIN}[phases.other]\nload.closed = {{ users = 1 }}\n[targets.t]\nmetric = \"e2e\"\nat_most = 1\n\
         [matrix]\nphases.main.load.closed.users = [1]\nphases.other.load.closed.users = [1]\n\
         phases.main.requests = [7]\ndefaults.requests = [8]\ntargets.t.at_most = [9]\n"
    );
    let all =
        "main.load.closed.users=1,main.requests=7,other.load.closed.users=1,defaults.requests=8,at_most=9";
    assert_eq!(names(&text, &[]), [all]);
    assert_eq!(cases(&text, &[])[0].targets["t"].bound, Bound::AtMost(9.0));
    // a pinned axis does not rename the others
    let pinned =
        names(&text, &["phases.main.load.closed.users=3", "defaults.requests=4", "targets.t.at_most=1"]);
    assert_eq!(pinned, ["main.requests=7,other.load.closed.users=1"]);
}

#[test]
fn what_is_wrong_in_some_cases_names_one_of_them() {
    let target = "[targets.t]\nmetric = \"e2e\"\nat_most = 1\nphase = \"main\"\nstep = \"users=2\"\n";
    let text = format!("{MAIN}{target}[matrix]\nphases.main.load.closed.users = [[1, 2], 2, 3]\n");
    let message = cases_of(&text, None, &[]).expect_err("a target that selects nothing");
    assert!(message.contains("`targets.t` selects nothing in 2 of 3 cases, such as `users=2`"), "{message}");
    let text = format!("{MAIN}{target}[matrix]\nphases.main.load.closed.users = [[1, 2], 3]\n");
    let message = cases_of(&text, None, &[]).expect_err("a target that selects nothing");
    assert!(message.contains("`targets.t` selects nothing in case `users=3`"), "{message}");
    let text = format!("{MAIN}{}[matrix]\nseed = [1, 2]\n", target.replace("main", "mian"));
    let message = cases_of(&text, None, &[]).expect_err("no such phase");
    assert!(!message.contains("case"), "what is wrong everywhere is wrong without a matrix: {message}");
}

#[test]
fn a_matrix_has_an_end() {
    let axis = |name: &str, count: usize| {
        let values: Vec<String> = (1..=count).map(|value| value.to_string()).collect();
        format!("{name} = [{}]\n", values.join(", "))
    };
    let text = |second: usize| {
        format!("{MAIN}[matrix]\n{}{}", axis("seed", 40), axis("phases.main.requests", second))
    };
    assert_eq!(cases(&text(25), &[]).len(), 1000);
    let message = cases_of(&text(26), None, &[]).expect_err("too many");
    assert!(
        message.contains("the matrix has 1,040 cases") && message.contains("40 × 26 values"),
        "{message}"
    );
}
