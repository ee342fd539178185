//! Which readings are of a scope.

use super::*;
use crate::{
    catalog::{Quantity, Statistic},
    record::{Class, SensorKind, Subject},
};

#[test]
fn a_phase_has_the_servers_that_it_loads() {
    let mut run = Run::new(plan(&["a", "b"], vec![open("only_a", 1.0, 10), open("both", 1.0, 10)]));
    let traffic = load(&mut run.plan.steps[1]);
    traffic.traffic.truncate(1);
    traffic.traffic[0].share = 1.0;
    for (step, from_s) in [(1, 10), (2, 30)] {
        run.start(step, from_s * SEC);
        for second in from_s..=from_s + 10 {
            run.push(step, answer(second * SEC, 100 * MS, &[100 * MS]));
        }
    }
    let seconds = || (0..50).map(f64::from);
    for (name, bytes) in [("a", 1e9), ("b", 9e9)] {
        let server = Subject::Server(vec![name.to_owned()]);
        run.read((SensorKind::Process, Class::Sampled, &server, Quantity::ServerMemory), seconds(), |_| {
            bytes
        });
    }
    let machine = (SensorKind::System, Class::Sampled, &Subject::Machine, Quantity::SystemMemory);
    run.read(machine, seconds(), |_| 0.5);
    let summary = run.end().summary();
    let of = |phase: &str, quantity| {
        let key = ScopeKey { phase: phase.to_owned(), step: None, endpoint: None };
        let scope = summary.scope(&key).expect("a scope");
        scope.value(Metric::Reading(quantity), Some(Statistic::Max))
    };
    assert_eq!(of("only_a", Quantity::ServerMemory), Some(1e9), "the other one is idle");
    assert_eq!(of("both", Quantity::ServerMemory), Some(9e9), "the worst of both");
    assert_eq!(of("only_a", Quantity::SystemMemory), Some(0.5));
}
