use serde_json::json;

use crate::{
    config::{Closed, Layer, Load, Origin, Scenario, Shape},
    plan::{Plan, compile, diff::diff, fixture},
};

fn origin(path: &str, value: &str, line: u32) -> Origin {
    let (path, value) = (path.to_owned(), value.to_owned());
    Origin { path, value, layer: Layer::Scenario, source: "a.toml".to_owned(), line }
}

/// A warm-up, users and arrivals, changed before they are compiled.
fn plan(change: impl FnOnce(&mut Scenario)) -> Plan {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([
        ("warmup", fixture::phase(Some(20), None, fixture::closed(&[2]))),
        ("users", fixture::phase(Some(100), None, fixture::closed(&[4]))),
        ("arrivals", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![8.0])))),
    ]);
    scenario.origins = vec![origin("phases.users.requests", "100", 12), origin("seed", "42", 3)];
    change(&mut scenario);
    compile(&scenario)
}

#[test]
fn values_steps_and_what_follows() {
    let before = plan(|_| {});
    let after = plan(|scenario| {
        scenario.phases.shift_remove("warmup");
        scenario.phases["users"].requests = Some(300);
        scenario.phases.insert("ladder".to_owned(), fixture::phase(Some(50), None, fixture::closed(&[1, 8])));
        scenario.origins = vec![
            origin("phases.users.requests", "300", 14),
            origin("seed", "42", 4),
            origin("run.label", "\"\"\"\na\nb\"\"\"", 5),
        ];
    });
    insta::assert_snapshot!(diff(&before, &after).text("a.toml", "results/runs/one"));
}

#[test]
fn both_ways_are_the_same_differences() {
    let before = plan(|_| {});
    let after = plan(|scenario| {
        scenario.phases.shift_remove("users");
        scenario.origins.pop();
    });
    let (there, back) = (diff(&before, &after), diff(&after, &before));
    assert_eq!(there.values.len(), 1);
    assert_eq!(there.steps.len(), 1);
    assert_eq!(
        (&there.values[0].before, &there.values[0].after),
        (&back.values[0].after, &back.values[0].before)
    );
    let fields = there.steps[0].fields.iter().zip(&back.steps[0].fields);
    for (one, other) in fields {
        assert_eq!((one.field, &one.before, &one.after), (other.field, &other.after, &other.before));
        assert!(!one.before.is_null() && one.after.is_null(), "{}", one.field);
    }
}

#[test]
fn a_value_from_another_line_is_no_difference() {
    let before = plan(|_| {});
    let after = plan(|scenario| scenario.origins[0].line = 99);
    let difference = diff(&before, &after);
    assert!(difference.is_empty() && difference.same_experiment);
    assert_eq!(difference.text("a.toml", "b.toml"), "- a.toml\n+ b.toml\n\nno difference\n");
}

#[test]
fn what_is_not_sent_is_not_another_experiment() {
    let before = plan(|_| {});
    let after = plan(|scenario| scenario.origins.push(origin("run.label", "\"here\"", 5)));
    let difference = diff(&before, &after);
    assert!(difference.same_experiment && difference.steps.is_empty() && difference.plan.is_empty());
    assert!(difference.text("a", "b").ends_with("experiment the same\n"), "{}", difference.text("a", "b"));
}

#[test]
fn another_order_is_told() {
    let before = plan(|_| {});
    let after = plan(|scenario| scenario.phases.swap_indices(0, 1));
    let difference = diff(&before, &after);
    assert!(!difference.same_experiment && difference.steps.is_empty());
    let order = difference.plan.iter().find(|field| field.field == "order").expect("the order differs");
    assert_eq!(order.before, json!(["warmup", "users", "arrivals"]));
    assert_eq!(order.after, json!(["users", "warmup", "arrivals"]));
}

#[test]
fn programs_get_numbers() {
    let before = plan(|_| {});
    let after = plan(|scenario| {
        scenario.phases["users"].load = Load::Closed(Closed {
            users: vec![8],
            ramp_up: fixture::seconds(0),
            think_time: fixture::seconds(0),
        });
    });
    let json = serde_json::to_value(diff(&before, &after)).expect("no maps with odd keys");
    assert_eq!(json["same_experiment"], json!(false));
    let fields = json["steps"][0]["fields"].as_array().expect("a list");
    let names: Vec<_> = fields.iter().map(|field| field["field"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["load", "duration_s"]);
    assert!(fields[1]["before"].is_number() && fields[1]["after"].is_number());
    assert_eq!(
        (&json["steps"][0]["step"], &json["steps"][0]["change"]),
        (&json!("users"), &json!("changed"))
    );
}
