//! Processors: `/proc/stat`, as `proc_stat(5)` describes it.

use std::{collections::BTreeMap, path::Path};

use super::super::{Sensor, files::OpenFile};
use crate::{
    catalog::Quantity,
    record::{Class, Sample, SensorKind, Subject},
};

const STAT: &str = "/proc/stat";

/// How busy the processors are, all together and each of them.
pub(super) struct Processors {
    stat: OpenFile,
    before: Option<Times>,
}

impl Processors {
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let mut stat = OpenFile::open(root, STAT)?;
        Times::of(stat.read()?).ok_or_else(unknown)?;
        Ok(Self { stat, before: None })
    }
}

fn unknown() -> String {
    format!("`{STAT}` has no line of all processors")
}

impl Sensor for Processors {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &Subject::Machine
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let now = Times::of(self.stat.read()?).ok_or_else(unknown)?;
        let before = self.before.replace(now);
        let now = self.before.as_ref();
        let Some((busy, cores)) = before.zip(now).and_then(|(before, now)| now.since(&before)) else {
            return Ok(Vec::new());
        };
        Ok(vec![Sample {
            at_ns,
            sensor: SensorKind::System,
            class: Class::Counter,
            subject: Subject::Machine,
            readings: BTreeMap::from([(Quantity::CpuUtilization, busy)]),
            cores,
            raw: BTreeMap::new(),
        }])
    }
}

/// What all processors together, and each of them, have spent.
struct Times {
    all: Spent,
    cores: Vec<(u32, Spent)>,
}

/// Ticks of a processor, in all and busy: idle is what it waits, for disks too. Time that a hypervisor gave to others is busy,
/// as it is no more to be had.
#[derive(Clone, Copy)]
struct Spent {
    all: u64,
    busy: u64,
}

impl Spent {
    /// Of the numbers of a line: `user nice system idle iowait irq softirq steal`; time of guests is part of `user`.
    fn of(line: &str) -> Option<Self> {
        let mut ticks = [0; 8];
        let mut fields = line.split_ascii_whitespace();
        for (index, ticks) in ticks.iter_mut().enumerate() {
            // kernels of long ago have four
            match fields.next() {
                Some(field) => *ticks = field.parse().ok()?,
                None if index >= 4 => break,
                None => return None,
            }
        }
        let all = ticks.iter().sum();
        let [_, _, _, idle, wait, ..] = ticks;
        Some(Self { all, busy: all - idle - wait })
    }

    /// The share that was busy since then; `None` where no tick has passed.
    fn share_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        // the count of idle ticks may fall a little, by the kernel's own account
        let busy = self.busy.saturating_sub(before.busy).min(all);
        Some(busy as f64 / all as f64)
    }
}

impl Times {
    fn of(text: &str) -> Option<Self> {
        let mut all = None;
        let mut cores = Vec::new();
        // lines of processors come first, and those of interrupts behind them are long
        for line in text.lines().map_while(|line| line.strip_prefix("cpu")) {
            let (name, ticks) = line.split_once(' ')?;
            let spent = Spent::of(ticks)?;
            if name.is_empty() { all = Some(spent) } else { cores.push((name.parse().ok()?, spent)) }
        }
        Some(Self { all: all?, cores })
    }

    /// How busy they were, all and each; none of each where others are online now, or a tick is missing.
    fn since(&self, before: &Self) -> Option<(f64, Vec<f64>)> {
        let same = self.cores.iter().map(|core| core.0).eq(before.cores.iter().map(|core| core.0));
        let both = self.cores.iter().zip(&before.cores).filter(|_| same);
        let cores: Option<Vec<f64>> = both.map(|(now, before)| now.1.share_since(before.1)).collect();
        let round = |share: f64| (share * 1e4).round() / 1e4;
        let cores = cores.unwrap_or_default().into_iter().map(round).collect();
        Some((self.all.share_since(before.all)?, cores))
    }
}
