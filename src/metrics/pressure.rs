//! What loaded the machine beside steps, by the diary.

use std::collections::BTreeMap;

use crate::{
    plan::Plan,
    record::{Diary, Pressed},
};

/// What loaded the machine beside a step.
#[derive(Debug, Clone, PartialEq)]
pub struct PressureUse {
    /// Index of the step in the plan.
    pub step: usize,
    /// Threads that computed.
    pub threads: u32,
    /// Processors that these used on average; `None` where they went on for too short to tell.
    pub cpus: Option<f64>,
    /// Least memory that was held, in bytes, once as much was as there could be; `None` where it never was.
    pub least_bytes: Option<u64>,
    /// Most memory that was held, in bytes.
    pub most_bytes: u64,
    /// Memory that was to be held, in bytes.
    pub wanted_bytes: u64,
    /// Why nothing pressed any more, before its time.
    pub failed: Option<String>,
}

/// Over a shorter time lines of the diary do not tell how much processor time is used per second.
const SHORTEST_NS: u64 = 500_000_000;

/// That of each step that was put under pressure, in the order of the plan.
pub(super) fn pressures(plan: &Plan, diary: &[Diary]) -> Vec<PressureUse> {
    let mut by_step: BTreeMap<usize, Vec<&Pressed>> = BTreeMap::new();
    for line in diary {
        if let Diary::Pressed(pressed) = line {
            by_step.entry(pressed.step).or_default().push(pressed);
        }
    }
    by_step.retain(|step, _| *step < plan.steps.len());
    by_step.into_values().filter_map(|lines| use_of(&lines)).collect()
}

fn use_of(lines: &[&Pressed]) -> Option<PressureUse> {
    let (first, last) = (lines.first()?, lines.last()?);
    let lasted_ns = last.at_ns.saturating_sub(first.at_ns);
    let used_ns = last.cpu_ns.saturating_sub(first.cpu_ns);
    let held = || lines.iter().filter(|line| line.failed.is_none()).map(|line| line.memory_bytes);
    let ready = lines.iter().filter(|line| line.ready && line.failed.is_none());
    Some(PressureUse {
        step: last.step,
        threads: last.threads,
        cpus: (lasted_ns >= SHORTEST_NS).then(|| used_ns as f64 / lasted_ns as f64),
        least_bytes: ready.map(|line| line.memory_bytes).min(),
        most_bytes: held().max().unwrap_or(0),
        wanted_bytes: last.wanted_bytes,
        failed: last.failed.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: u64 = 1_000_000_000;

    fn line(at_s: u64, ready: bool, cpu_s: f64, memory_bytes: u64) -> Pressed {
        Pressed {
            step: 1,
            at_ns: at_s * SEC,
            ready,
            threads: 2,
            cpu_ns: (cpu_s * 1e9) as u64,
            memory_bytes,
            wanted_bytes: 100,
            failed: None,
        }
    }

    #[test]
    fn processor_time_is_over_all_and_memory_once_it_is_there() {
        let lines = [
            line(10, false, 0.5, 0),
            line(11, true, 1.5, 100),
            line(12, true, 2.5, 60),
            line(14, true, 4.5, 80),
        ];
        let used = use_of(&lines.iter().collect::<Vec<_>>()).expect("lines");
        assert_eq!(used.cpus, Some(1.0));
        assert_eq!((used.least_bytes, used.most_bytes, used.wanted_bytes), (Some(60), 100, 100));
    }

    #[test]
    fn what_failed_says_why_and_what_was_never_there_is_none() {
        assert_eq!(use_of(&[]), None);
        let failed = Pressed { failed: Some("gone".to_owned()), memory_bytes: 0, ..line(10, true, 0.0, 0) };
        let used = use_of(&[&line(10, false, 0.0, 40), &failed]).expect("lines");
        assert_eq!((used.cpus, used.failed.as_deref()), (None, Some("gone")));
        assert_eq!((used.least_bytes, used.most_bytes), (None, 40));
    }
}
