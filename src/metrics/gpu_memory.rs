//! GPU memory around each request: what was read while the run went on, laid beside the times in the records.
//!
//! The engine neither waits for a reading nor asks for one, so records have none; both files tell the time by the same clock.

use std::{collections::BTreeMap, io};

use super::Source;
use crate::{
    catalog::Quantity,
    record::{Record, SensorKind, Subject, Telemetry},
};

/// GPU memory over a run: that of the servers' processes where the driver tells it, else all that is in use. It is the sum over all
/// GPUs; where pages of servers tell of GPUs, over those alone. What stays the same is kept once.
#[derive(Debug, Default)]
pub struct GpuMemory {
    /// Nanoseconds since the start of the run, and bytes; in order.
    points: Vec<(u64, f64)>,
}

/// What a line says where nothing was read from then on until the next reading.
const UNKNOWN: f64 = f64::NAN;

/// GPU memory around a request, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuMemoryAround {
    /// The last value before it was sent.
    pub before: f64,
    /// The highest until it ended; between two readings it changes evenly.
    pub peak: f64,
    /// The first value after it had ended.
    pub after: f64,
}

impl GpuMemory {
    /// Reads it from a run; it is empty where none was read.
    ///
    /// # Errors
    ///
    /// That of reading.
    pub fn read(source: &dyn Source) -> io::Result<Self> {
        let [mut of_servers, mut in_use] = [Lines::new(), Lines::new()];
        source.telemetry(&mut |line| {
            let sample = match line {
                Telemetry::Sample(sample) => sample,
                Telemetry::Missing { at_ns, sensor, subject, .. } => {
                    // a page tells of all of its GPUs
                    let of_page = *sensor == SensorKind::Prometheus;
                    for (_, line) in of_servers
                        .iter_mut()
                        .chain(&mut in_use)
                        .filter(|((by, of), _)| by == sensor && (of_page || of == subject))
                    {
                        push(line, *at_ns, UNKNOWN);
                    }
                    return;
                }
                _ => return,
            };
            for (quantity, lines) in
                [(Quantity::GpuMemoryServer, &mut of_servers), (Quantity::GpuMemory, &mut in_use)]
            {
                if let Some(bytes) = sample.readings.get(&quantity) {
                    let line = lines.entry((sample.sensor, sample.subject.clone())).or_default();
                    push(line, sample.at_ns, *bytes);
                }
            }
        })?;
        let lines = if of_servers.is_empty() { in_use } else { of_servers };
        Ok(Self { points: sum(lines) })
    }

    /// What it was around a request; `None` where that was not sent, or not all of its time lies between readings.
    pub fn around(&self, record: &Record) -> Option<GpuMemoryAround> {
        let (from_ns, to_ns) = (record.sent_ns?, record.end_ns);
        let begin = self.points.partition_point(|(at_ns, _)| *at_ns <= from_ns).checked_sub(1)?;
        let end = self.points.partition_point(|(at_ns, _)| *at_ns < to_ns);
        let (_, after) = *self.points.get(end)?;
        let (_, before) = self.points[begin];
        let inside = self.points.get(begin + 1..end).unwrap_or_default().iter().map(|(_, bytes)| *bytes);
        let within: Vec<f64> = inside.chain([self.at(from_ns)?, self.at(to_ns)?]).collect();
        if within.iter().chain([&before, &after]).any(|bytes| bytes.is_nan()) {
            return None;
        }
        Some(GpuMemoryAround { before, peak: within.into_iter().fold(0.0, f64::max), after })
    }

    fn at(&self, at_ns: u64) -> Option<f64> {
        value(&self.points, at_ns)
    }
}

/// The readings of each GPU.
type Lines = BTreeMap<(SensorKind, Subject), Vec<(u64, f64)>>;

/// Adds a reading; of several alike the first and the last are kept.
fn push(line: &mut Vec<(u64, f64)>, at_ns: u64, bytes: f64) {
    if let [.., (_, one), (last_ns, other)] = &mut line[..]
        && *one == bytes
        && *other == bytes
    {
        *last_ns = at_ns;
        return;
    }
    line.push((at_ns, bytes));
}

/// The value at a moment, evenly between two readings; `None` before the first and after the last.
fn value(line: &[(u64, f64)], at_ns: u64) -> Option<f64> {
    let next = line.partition_point(|(read_ns, _)| *read_ns < at_ns);
    let (to_ns, last) = *line.get(next)?;
    if to_ns == at_ns {
        return Some(last);
    }
    let (from_ns, first) = line[next.checked_sub(1)?];
    Some(first + (last - first) * (at_ns - from_ns) as f64 / (to_ns - from_ns) as f64)
}

/// The sum of all lines, from when all were read until one is lost.
fn sum(mut lines: Lines) -> Vec<(u64, f64)> {
    if lines.keys().any(|(sensor, _)| *sensor == SensorKind::Prometheus) {
        lines.retain(|(sensor, _), _| *sensor == SensorKind::Prometheus);
    }
    if lines.len() < 2 {
        return lines.into_values().next().unwrap_or_default();
    }
    let mut moments: Vec<u64> = lines.values().flatten().map(|(at_ns, _)| *at_ns).collect();
    moments.sort_unstable();
    moments.dedup();
    let mut points = Vec::new();
    for at_ns in moments {
        let sum: Option<f64> = lines.values().map(|line| value(line, at_ns)).sum();
        if let Some(bytes) = sum {
            push(&mut points, at_ns, bytes);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture::{SEC, answer};

    fn line(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
        let mut line = Vec::new();
        for (second, bytes) in points {
            push(&mut line, second * SEC, *bytes);
        }
        line
    }

    fn gpu(name: &str) -> Subject {
        Subject::Gpu(name.to_owned())
    }

    fn around(memory: &GpuMemory, from_ns: u64, to_ns: u64) -> Option<(f64, f64, f64)> {
        let record = Record { sent_ns: Some(from_ns), end_ns: to_ns, ..answer(from_ns, SEC, &[]).0 };
        let around = memory.around(&record)?;
        Some((around.before, around.peak, around.after))
    }

    #[test]
    fn a_request_has_what_was_before_while_and_after() {
        let memory =
            GpuMemory { points: line(&[(0, 1.0), (2, 1.0), (4, 5.0), (6, 3.0), (8, 3.0), (9, 3.0)]) };
        assert_eq!(around(&memory, SEC, 5 * SEC), Some((1.0, 5.0, 3.0)));
        // a request between two readings lies on the line between them
        assert_eq!(around(&memory, 2 * SEC + SEC / 2, 3 * SEC), Some((1.0, 3.0, 5.0)));
        assert_eq!(around(&memory, 0, 9 * SEC), Some((1.0, 5.0, 3.0)));
        assert_eq!(around(&memory, 7 * SEC, 10 * SEC), None, "its end was not read");
        let begun = GpuMemory { points: line(&[(1, 1.0), (9, 2.0)]) };
        assert_eq!(around(&begun, SEC / 2, 5 * SEC), None, "nor its beginning");
        assert_eq!(around(&GpuMemory::default(), 0, SEC), None);
        let unsent = Record { sent_ns: None, ..answer(SEC, SEC, &[]).0 };
        assert_eq!(memory.around(&unsent), None);
    }

    #[test]
    fn what_lies_in_a_gap_has_none() {
        let memory = GpuMemory { points: line(&[(0, 1.0), (2, 1.0), (4, UNKNOWN), (8, 5.0), (9, 5.0)]) };
        assert_eq!(around(&memory, SEC, 2 * SEC), Some((1.0, 1.0, 1.0)));
        for (from_s, to_s) in [(1, 3), (1, 9), (5, 6), (7, 9)] {
            assert_eq!(around(&memory, from_s * SEC, to_s * SEC), None, "{from_s} to {to_s}");
        }
        assert_eq!(around(&memory, 8 * SEC, 9 * SEC), Some((5.0, 5.0, 5.0)));
    }

    #[test]
    fn what_stays_the_same_is_kept_once() {
        let steady = line(&[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0)]);
        assert_eq!(steady, [(0, 1.0), (3 * SEC, 1.0), (4 * SEC, 2.0), (5 * SEC, 2.0)]);
    }

    #[test]
    fn gpus_add_up_while_all_are_read() {
        let of = |sensor, name: &str, points: &[(u64, f64)]| ((sensor, gpu(name)), line(points));
        let two = Lines::from([
            of(SensorKind::Nvml, "0", &[(0, 1.0), (4, 1.0), (10, 1.0)]),
            // it fell off the bus at 8 s
            of(SensorKind::Nvml, "1", &[(2, 2.0), (4, 6.0), (8, 6.0)]),
        ]);
        assert_eq!(sum(two), [(2 * SEC, 3.0), (4 * SEC, 7.0), (8 * SEC, 7.0)]);
        let told = Lines::from([
            of(SensorKind::Nvml, "0", &[(0, 1.0), (4, 1.0)]),
            of(SensorKind::Prometheus, "main/0", &[(1, 8.0), (3, 9.0)]),
        ]);
        assert_eq!(sum(told), [(SEC, 8.0), (3 * SEC, 9.0)], "a GPU may be told of by both");
    }
}
