//! The file as it is written, for its JSON Schema: which keys there are, what may stand behind them, in words.
//!
//! A scenario is read by hand, for the sake of its messages; nothing here ever holds a value. A test keeps both
//! sides together: the keys of each table here are those that the reader asks for, and the exclusive groups those
//! that layers clear.
//!
//! Every table may be given piece by piece over several layers, so nothing is required that another layer could say.

#![expect(dead_code, reason = "the types stand for what is written; none is ever made")]

mod alerts;
mod defaults;
mod home;
mod load;
mod matrix;
mod pressure;
mod servers;
mod services;
mod several;
mod shape;
mod targets;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod workloads;

pub(super) use home::homes;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use self::{
    alerts::{Alert, Alerting},
    load::Phase,
    servers::{Endpoint, Sim},
    services::Service,
    several::{AnyOf, Distinct, Ladder, Named, Word},
    shape::{exactly, partial, requires, up_to},
    targets::{Objectives, Price, Target},
    values::{
        AllOrAuto, Count, Duration, Flag, Host, Interval, LargeCount, NotNegative, PlainName, Positive,
        PositiveDuration, PositiveRate, Prompts, Repeats, Seed, Text, Threads,
    },
    workloads::Workload,
};
use crate::{
    config::{Chunks, Format, OnBottleneck, OnInconclusive},
    schema,
};

/// The schema of scenario files, with the built-in defaults in it.
pub fn scenario_schema() -> Value {
    let mut schema = schema::read::<Scenario>();
    matrix::insert(&mut schema);
    defaults::insert(&mut schema);
    schema
}

/// The schema of files that a scenario includes: such files, of which nothing must be there.
pub fn included_schema() -> Value {
    let mut schema = scenario_schema();
    schema["title"] = "Included file".into();
    for required in ["required", "anyOf"] {
        schema.as_object_mut().and_then(|schema| schema.shift_remove(required));
    }
    schema
}

/// The schema of preset files.
pub fn preset_schema() -> Value {
    schema::read::<Preset>()
}

/// A load test of language-model servers. Times are numbers of seconds or text such as `"250ms"`, shares `0.05` or
/// `"5%"`, rates numbers per second or text such as `"90/min"`. Any text may hold `${NAME}` or `${NAME:-default}`
/// from the environment, and `$$` for `$`; a text that holds a variable may stand for a value of any kind.
#[derive(JsonSchema)]
#[schemars(title = "Scenario", deny_unknown_fields, transform = requires(&["version"]), transform = named)]
struct Scenario {
    /// The version of the language.
    #[schemars(transform = exactly(1))]
    version: Count,
    /// The name of the experiment and of its run folders.
    #[schemars(extend("examples" = ["mixed-traffic"]))]
    name: PlainName,
    /// Files that this one is laid over, with paths from its folder.
    #[schemars(extend("examples" = [["common/endpoints.toml"]]))]
    include: Vec<Text>,
    /// The run as a whole: the platform, a label, limits.
    run: Run,
    #[serde(flatten)]
    tables: Tables,
    /// What differs on a platform, under the name of its preset, in the shape of what it overrides. It also holds for
    /// the presets that extend that one.
    #[schemars(extend("examples" = [{ "cpu_only": { "targets": { "speed": { "at_least": 10 } } } }]))]
    platforms: Named<Override>,
    /// Lists of values in the shape of what they vary: every combination is a case, and the cases run one after another.
    #[schemars(extend("examples" = [{ "endpoints": { "main": { "model": ["small", "large"] } } }]))]
    matrix: Varied,
}

/// An included file may give the name.
fn named(schema: &mut Schema) {
    schema.insert("anyOf".to_owned(), json!([{ "required": ["name"] }, { "required": ["include"] }]));
}

/// `[matrix]`. What its tables look like is made from those of an override.
enum Varied {}

impl JsonSchema for Varied {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Varied".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "allOf": [{ "$ref": "#/definitions/VariedOverride" }] })
    }
}

/// `[platforms.NAME]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Override {
    /// Limits and labels that differ.
    run: RunSettings,
    #[serde(flatten)]
    tables: Tables,
}

/// A platform preset: a partial scenario that says how much load a platform takes and what it should reach.
#[derive(JsonSchema)]
#[schemars(title = "Preset", deny_unknown_fields, transform = partial)]
struct Preset {
    /// What it stands for, in a few words.
    #[schemars(extend("examples" = ["one RTX 4090 with 24 GB"]))]
    note: Text,
    /// The preset below this one.
    #[schemars(extend("examples" = ["cuda"]))]
    extends: Text,
    /// The machines that it is chosen on when nobody names a platform: those that have the operating system or the GPU.
    detect: Detect,
    /// Limits and labels of the run.
    run: RunSettings,
    #[serde(flatten)]
    tables: Tables,
}

/// `[detect]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Detect {
    /// The operating system.
    #[schemars(extend("examples" = ["linux", "macos"]))]
    os: Text,
    /// A part of the GPU's name, as whole words; a list of such parts; or `true` for any NVIDIA GPU.
    #[schemars(extend("examples" = ["RTX 4090", ["L40", "L40S"]]))]
    gpu: AnyOf<bool, AnyOf<Text, Vec<Text>>>,
    /// A part of the names of GPUs that will not do after all, or a list of such parts.
    #[schemars(extend("examples" = ["Laptop"]))]
    except: AnyOf<Text, Vec<Text>>,
}

/// What every layer may say.
#[derive(JsonSchema)]
struct Tables {
    /// What the experiment answers.
    #[schemars(extend("examples" = ["How many users does this server serve at once?"]))]
    description: Text,
    /// Every random choice follows from it: the same seed sends the same requests at the same times.
    seed: Seed,
    /// What endpoints and phases use when they say nothing.
    defaults: Defaults,
    /// The servers under test, each under a name of its own.
    #[schemars(extend("examples" = [{ "main": { "url": "http://127.0.0.1:8080/v1" } }]))]
    endpoints: Named<Endpoint>,
    /// Programs that a run starts before its endpoints are asked, and stops at its end, each under a name of its own: the server under
    /// test, so that a matrix can try its settings.
    #[schemars(extend("examples" = [{ "server": { "command": "llama-server", "args": ["--port", "8080"] } }]))]
    services: Named<Service>,
    /// What is sent, by name. Without any, prompts of about 128 tokens ask for 64.
    #[schemars(extend("examples" = [{ "questions": { "synthetic": { "prompt_tokens": 100, "output_tokens": 64 } } }]))]
    workloads: Named<Workload>,
    /// The load, in the order in which it runs.
    #[schemars(extend("examples" = [{ "main": { "requests": 100, "load": { "closed": { "users": 4 } } } }]))]
    phases: Named<Phase>,
    /// What is asked of every request: the longest that each part of it should take. `goodput` counts the requests that
    /// meet all. An endpoint may ask for something else.
    #[schemars(extend("examples" = [{ "ttft": "500ms", "tpot": "50ms" }]))]
    objectives: Objectives,
    /// What the platform costs an hour, or what its tokens cost, in a currency of one's choice.
    #[schemars(extend("examples" = [{ "per_hour": 0.69 }]))]
    price: Price,
    /// What a run leaves behind besides its records and `summary.json`.
    output: Output,
    /// What is read of the machine and of the servers while a run goes on: processors, memory, networks, disks, GPUs.
    #[schemars(extend("examples" = [{ "interval": "1s" }]))]
    monitoring: Monitoring,
    /// What must hold, judged at 95 % confidence.
    #[schemars(extend("examples" = [{ "first_token": { "metric": "ttft.p95", "at_most": "500ms" } }]))]
    targets: Named<Target>,
    /// What is told while a run goes on, each under a name of its own: a metric beyond a limit, over a sliding window. There are some
    /// that nobody writes; one of the same name takes the place of such a one.
    #[schemars(extend("examples" = [{ "slow": { "when": "ttft.p95 > 800ms", "for": "10s" } }]))]
    alerts: Named<Alert>,
    /// Whom alerts are told, and whether there are any that nobody wrote.
    #[schemars(extend("examples" = [{ "webhook": { "url": { "env": "WEBHOOK_URL" } } }]))]
    alerting: Alerting,
    /// Settings of simulated servers, by the name behind `sim:`. Every preset has a built-in one of its name.
    #[schemars(extend("examples" = [{ "slow": { "extends": "rtx_4090", "step_base": "45ms" } }]))]
    sims: Named<Sim>,
}

/// `[run]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Run {
    /// The preset that chooses load and targets: a name that `scenario presets` lists, the path of a preset of one's
    /// own, or `"auto"` to take it from the machine.
    #[schemars(extend("examples" = ["rtx_4090", "platforms/desk.toml"]))]
    platform: Text,
    #[serde(flatten)]
    settings: RunSettings,
}

/// What every layer may say of the run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct RunSettings {
    /// Goes on every chart beside the hardware.
    #[schemars(extend("examples" = ["Vast.ai"]))]
    label: Text,
    /// Safety cap on requests in flight. Reaching it makes the run INVALID.
    max_in_flight: Count,
    /// How long answers may take to end after the last request of a phase.
    drain: Duration,
    /// How long a server may take to answer at all before the first phase.
    ready_timeout: PositiveDuration,
    /// How many times the whole plan is run, each time with the same requests.
    repeats: Repeats,
    /// Threads that send requests and read answers; `"all"` is one for each processor, `"auto"` the same, or half as many where a
    /// server is on this machine.
    threads: AnyOf<AllOrAuto, Threads>,
    /// Public hosts that load may go to; those of all layers together.
    #[schemars(extend("examples" = [["api.example.com"]]))]
    allow_hosts: Vec<Host>,
    /// What the run comes to at most where servers are not simulated. A file can only lower it.
    ceiling: Ceiling,
    /// What a run comes to in which a judged target could not be decided.
    on_inconclusive: Word<OnInconclusive>,
    /// What a run comes to in which the tool itself was late, or short of the machine's means.
    on_bottleneck: Word<OnBottleneck>,
    /// Whether it is looked what this machine can do, for 5 s, before anything is sent: streams at once and requests per
    /// second. A plan beyond that is warned about.
    #[schemars(extend("examples" = [true]))]
    calibrate: Flag,
}

/// `[run.ceiling]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Ceiling {
    /// Most requests, warm-up included.
    #[schemars(transform = up_to(1_000_000))]
    requests: LargeCount,
    /// Most requests per second of an open loop at any time.
    #[schemars(transform = up_to(1000))]
    rate: PositiveRate,
    /// Longest time from the first request to the last.
    #[schemars(transform = up_to(24 * 3600))]
    duration: PositiveDuration,
}

/// `[defaults]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Defaults {
    /// Longest that one request may take.
    timeout: PositiveDuration,
    /// The ladder that `load.closed = {}` takes: one step per number of users.
    concurrency: Ladder<Count>,
    /// Requests per step where a phase says neither `requests`, `duration`, `stages`, `during` nor `same_as`.
    requests: Count,
    /// What `batch_sizes = "default"` of a phase stands for.
    batch_sizes: Ladder<Prompts>,
    /// Most endpoints on this machine that may be loaded at once; simulated and remote ones are free.
    max_endpoints: Count,
}

/// `[monitoring]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Monitoring {
    /// Whether anything is read at all.
    enabled: Flag,
    /// Time between two readings, from 10 ms to an hour.
    interval: Interval,
    /// The same of energy, whose counters miss nothing in between.
    energy_interval: Interval,
    /// Whether what the machine draws at rest is subtracted from its energy. The run then begins with a `pause` of five readings of
    /// energy at least.
    subtract_idle: Flag,
    /// What power follows from where nothing reads energy; such numbers are marked as estimated.
    estimate: PowerEstimate,
}

/// `[monitoring.estimate]`: what the machine draws by how busy its processors are, evenly in between; a meter at the socket tells both.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PowerEstimate {
    /// Watts with idle processors.
    #[schemars(extend("examples" = [15]))]
    idle_watts: NotNegative,
    /// Watts with all processors busy, no less than the other.
    #[schemars(extend("examples" = [90]))]
    busy_watts: Positive,
}

/// `[output]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Output {
    /// What is kept of the arrivals of chunks.
    chunks: Word<Chunks>,
    /// Whether prompts are kept, in `texts.jsonl`.
    prompts: Flag,
    /// Whether the text of answers is kept, in `texts.jsonl`.
    answers: Flag,
    /// What is made of the numbers; an empty list leaves `summary.json` alone.
    formats: Distinct<Word<Format>>,
}
