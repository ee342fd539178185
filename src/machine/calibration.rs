//! What a machine can do as a load generator, as it was measured there.
//!
//! It holds for the machine, the system and the version of the program that it names, and for nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Machine;

/// The version of `calibration.json`.
pub const FORMAT: u32 = 1;

/// `calibration.json`: how much load this program can put out here without being late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The version of this file's format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The version of the program.
    pub tool_version: String,
    /// The machine and its system.
    pub machine: Identity,
    /// When it began, in RFC 3339.
    pub measured_at: String,
    /// How closely it was looked.
    pub form: Form,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// The nice value of the threads that measured, below 0 where the system let them go before others; null where it does not
    /// tell threads apart.
    pub nice: Option<i32>,
    /// Streams at once.
    pub streams: Streams,
    /// Requests per second.
    pub requests: Requests,
    /// How late requests went out at some rates, each beside a bare timer.
    pub lag: Vec<Lag>,
    /// How wrong arrival times were; null where no stream came through.
    pub stamps: Option<Stamps>,
}

/// The machine that a calibration holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// `linux`, `macos`, …
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// CPU model; empty where it could not be found out.
    pub cpu: String,
    /// Logical processors that the process may use.
    pub cores: u32,
}

/// How closely it was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Every part, with limits narrowed down: under a minute.
    Full,
    /// Coarse steps, 5 s: what a run can spare.
    Short,
}

impl Form {
    /// The name in TOML and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Short => "short",
        }
    }
}

/// How many streams at once could be timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Streams {
    /// Time between two tokens of each, in milliseconds.
    pub token_gap_ms: f64,
    /// Largest error of arrival times at p99 that is held, in microseconds.
    pub error_limit_us: f64,
    /// Largest share of events whose arrival is only bounded that is held.
    pub bounded_limit: f64,
    /// The most at which both held; null where they never did.
    pub most: Option<u32>,
    /// The fewest above it at which they did not; null where no more were tried.
    pub failed: Option<u32>,
    /// Every number that was tried, in that order.
    pub tried: Vec<TriedStreams>,
}

/// So many streams at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedStreams {
    /// Streams.
    pub streams: u32,
    /// Median error of arrival times, over all events, in microseconds.
    pub error_p50_us: f64,
    /// The same at p99.
    pub error_p99_us: f64,
    /// Share of events whose arrival is only bounded.
    pub bounded_share: f64,
    /// Processor time of the client for each token, in microseconds; null where the system does not tell.
    pub cpu_per_token_us: Option<f64>,
    /// Whether it was held.
    pub held: bool,
    /// What was not, in words; empty where all was.
    pub fault: String,
}

/// How many requests could be sent per second without being late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Tokens of each answer, without delay.
    pub tokens: u32,
    /// Largest `send_lag.p99` that is held, in microseconds: what check 2b always allows.
    pub lag_limit_us: f64,
    /// The most per second at which it held; null where it never did.
    pub most: Option<f64>,
    /// The fewest above it at which it did not; null where no more were tried.
    pub failed: Option<f64>,
    /// Every rate that was tried, in that order.
    pub tried: Vec<TriedRate>,
}

/// So many requests per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedRate {
    /// Requests per second.
    pub rate: f64,
    /// Median of `send_lag`, in microseconds.
    pub send_lag_p50_us: f64,
    /// The same at p99.
    pub send_lag_p99_us: f64,
    /// Whether it was held.
    pub held: bool,
    /// What was not, in words; empty where all was.
    pub fault: String,
}

/// How late requests go out at a rate, and a thread that sleeps until a time and does nothing else beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lag {
    /// Requests per second.
    pub rate: f64,
    /// Median of `send_lag`, in microseconds.
    pub send_lag_p50_us: f64,
    /// The same at p99.
    pub send_lag_p99_us: f64,
    /// Median lateness of the bare timer, in microseconds.
    pub timer_p50_us: f64,
    /// The same at p99.
    pub timer_p99_us: f64,
}

/// How far arrival times are from when the server wrote, of the same events by the kernel's stamp and by the time at which
/// the read returned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stamps {
    /// Streams at once.
    pub streams: u32,
    /// Median error of the kernel's stamps, in microseconds.
    pub kernel_p50_us: f64,
    /// The same at p99.
    pub kernel_p99_us: f64,
    /// Median error of a client that looks at the clock behind each read, in microseconds.
    pub user_p50_us: f64,
    /// The same at p99.
    pub user_p99_us: f64,
}

impl Identity {
    /// What tells a machine from others.
    pub fn of(machine: &Machine) -> Self {
        Self {
            os: machine.os.clone(),
            kernel: machine.kernel.clone(),
            cpu: machine.cpu.clone(),
            cores: machine.cores,
        }
    }
}

impl Calibration {
    /// Whether it holds for a machine and a version of this program.
    ///
    /// # Errors
    /// What it was made on instead.
    pub fn holds_for(&self, machine: &Machine, tool_version: &str) -> Result<(), String> {
        let (there, here) = (&self.machine, Identity::of(machine));
        let differs = |what: &str, there: &str, here: &str| {
            let name =
                |text: &str| if text.is_empty() { "nothing known".to_owned() } else { format!("`{text}`") };
            Err(format!("it is of another {what}: {} and not {}", name(there), name(here)))
        };
        if self.tool_version != tool_version {
            return differs("version of `scenario`", &self.tool_version, tool_version);
        }
        if (&there.os, &there.kernel) != (&here.os, &here.kernel) {
            let system = |of: &Identity| format!("{} {}", of.os, of.kernel);
            return differs("system", &system(there), &system(&here));
        }
        if there.cpu != here.cpu {
            return differs("machine", &there.cpu, &here.cpu);
        }
        if there.cores != here.cores {
            return differs("number of processors", &there.cores.to_string(), &here.cores.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// A machine of two processors that holds so many streams and requests per second.
    pub(crate) fn calibration(streams: Option<u32>, rate: Option<f64>) -> Calibration {
        Calibration {
            format: FORMAT,
            tool_version: "0.1.0".to_owned(),
            machine: Identity {
                os: "linux".to_owned(),
                kernel: "6.1".to_owned(),
                cpu: "A CPU".to_owned(),
                cores: 2,
            },
            measured_at: "2026-11-22T09:00:00Z".to_owned(),
            form: Form::Full,
            took_s: 41.5,
            nice: Some(-10),
            streams: Streams {
                token_gap_ms: 10.0,
                error_limit_us: 100.0,
                bounded_limit: 0.05,
                most: streams,
                failed: streams.map(|streams| streams * 2),
                tried: Vec::new(),
            },
            requests: Requests {
                tokens: 16,
                lag_limit_us: 1000.0,
                most: rate,
                failed: rate.map(|rate| rate * 2.0),
                tried: Vec::new(),
            },
            lag: vec![Lag {
                rate: 50.0,
                send_lag_p50_us: 60.0,
                send_lag_p99_us: 210.0,
                timer_p50_us: 55.0,
                timer_p99_us: 190.0,
            }],
            stamps: Some(Stamps {
                streams: 400,
                kernel_p50_us: 9.0,
                kernel_p99_us: 41.0,
                user_p50_us: 120.0,
                user_p99_us: 7300.0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_one_machine_and_one_version() {
        let calibration = fixture::calibration(Some(400), Some(4000.0));
        let machine = |change: &dyn Fn(&mut Machine)| {
            let mut machine = Machine {
                os: "linux".to_owned(),
                kernel: "6.1".to_owned(),
                cpu: "A CPU".to_owned(),
                cores: 2,
                ..Machine::default()
            };
            change(&mut machine);
            machine
        };
        let told = |change: &dyn Fn(&mut Machine), version| {
            calibration.holds_for(&machine(change), version).err().unwrap_or_default()
        };
        let same = |_: &mut Machine| {};
        for (told, expected) in [
            (told(&same, "0.1.0"), ""),
            (told(&|machine| machine.memory_bytes = Some(1), "0.1.0"), ""),
            (told(&same, "0.2.0"), "it is of another version of `scenario`: `0.1.0` and not `0.2.0`"),
            (
                told(&|machine| machine.kernel = "6.2".into(), "0.1.0"),
                "it is of another system: `linux 6.1` and not `linux 6.2`",
            ),
            (
                told(&|machine| machine.cpu = "B CPU".into(), "0.1.0"),
                "it is of another machine: `A CPU` and not `B CPU`",
            ),
            (
                told(&|machine| machine.cpu.clear(), "0.1.0"),
                "it is of another machine: `A CPU` and not nothing known",
            ),
            (
                told(&|machine| machine.cores = 4, "0.1.0"),
                "it is of another number of processors: `2` and not `4`",
            ),
        ] {
            assert_eq!(told, expected);
        }
    }
}
