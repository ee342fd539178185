//! `[phases.NAME]` and its `load`.

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::{
    pressure::Pressure,
    several::{AnyOf, AtLeastOne, Different, Distinct, Ladder, Word},
    shape::{alone, demand, exclusive, one_of, partial, requires},
    values::{
        Count, Default, Duration, Flag, LargeCount, Name, PositiveDuration, PositiveRate, Prompts, Rate,
        Share, Speed, Variation,
    },
};

/// `[phases.NAME]`: a stretch of the run with one kind of load, or a pause, either of them under pressure or not.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = partial,
    transform = alone(
        "pause",
        &["load", "measure", "require_steady", "requests", "duration", "settle", "endpoints", "batch_sizes", "during"]
    ),
    transform = exclusive(&["after", "during"])
)]
pub(super) struct Phase {
    /// Whether its requests count; `false` is warm-up.
    measure: Flag,
    /// Whether the run is INVALID where a step of the phase did not settle in its first half, or drifts in its second; it is
    /// told otherwise. Takes a load that stays the same, and 200 answers a step.
    #[schemars(extend("examples" = [true]))]
    require_steady: Flag,
    /// Ends each step after so many requests. With `duration` as well, the first reached ends it.
    #[schemars(extend("examples" = [100]))]
    requests: LargeCount,
    /// Ends each step after so long.
    #[schemars(extend("examples" = ["60s"]))]
    duration: PositiveDuration,
    /// Requests due in the first so long of each step are sent and not counted, as long as the server takes to settle. A tenth of
    /// a step where `load.search` looks for a level; none elsewhere.
    #[schemars(extend("examples" = ["5s"]))]
    settle: Duration,
    /// Only these endpoints; all that take mixed traffic otherwise.
    #[schemars(extend("examples" = [["thinker"]]))]
    endpoints: Different<Name>,
    /// Prompts in one request, where the protocol takes several; a list makes one step per size, and `"default"` takes
    /// `defaults.batch_sizes`.
    #[schemars(extend("examples" = [4, [1, 4, 8], "default"]))]
    batch_sizes: AnyOf<Default, Ladder<Prompts>>,
    /// The phase or phases that must have ended first; the one before it in the file otherwise. An empty list: it begins
    /// as soon as the servers are ready.
    #[schemars(extend("examples" = ["warmup", ["warmup", "flash_alone"], []]))]
    after: AnyOf<Name, Distinct<Name>>,
    /// The phase beside which this one runs: it begins with that one, and its arrivals stop with that one's.
    #[schemars(extend("examples" = ["ramp"]))]
    during: Name,
    /// How requests arrive: `closed`, `open`, as in a `trace`, by `search`, or as in another phase.
    #[schemars(extend("examples" = [{ "closed": { "users": 4 } }, { "open": { "arrivals": "poisson", "rate": 8 } }]))]
    load: Load,
    /// In place of a load and all the other keys but `after` and `pressure`: nothing is sent for so long.
    #[schemars(extend("examples" = ["30s"]))]
    pause: PositiveDuration,
    /// What loads this machine meanwhile: its processors, its memory, or both. Without a load the phase sends nothing, and
    /// `duration` says how long it presses.
    #[schemars(extend("examples" = [{ "cpu": { "threads": 2, "duty": "50%" } }, { "memory": { "size": "1GiB" } }]))]
    pressure: Pressure,
}

/// `load`: one of the kinds of arrival.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
struct Load {
    /// So many users, each with one request at a time: shows what the server can do.
    #[schemars(extend("examples" = [{ "users": 4 }, { "users": [1, 2, 5, 10], "ramp_up": "5s" }]))]
    closed: Closed,
    /// Requests arrive when they arrive, whatever the answers do: shows what waiting feels like.
    #[schemars(extend("examples" = [{ "arrivals": "poisson", "rate": 8 }]))]
    open: Open,
    /// Requests arrive as those of the workload did, which is a trace or a replay, one and the same for all endpoints of the
    /// phase.
    #[schemars(extend("examples" = [{ "speed": 10 }]))]
    trace: Follow,
    /// One level after another: finds the highest one at which the targets hold, or the one at which the server breaks.
    #[schemars(extend("examples" = [{ "rate": { "from": 1, "to": 200 }, "step": "30s" }]))]
    search: Search,
    /// The phase whose load this is, scaled to the share that the endpoints of this phase have in its traffic: a fair
    /// comparison of alone and together.
    #[schemars(extend("examples" = ["mixed"]))]
    same_as: Name,
}

/// `load.closed`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Closed {
    /// How many users; a list makes one step per level. `defaults.concurrency` otherwise.
    #[schemars(extend("examples" = [4, [1, 2, 5, 10, 20]]))]
    users: Ladder<Count>,
    /// Users start spread over this time.
    ramp_up: Duration,
    /// Pause of a user between an answer and the next request.
    think_time: Duration,
}

/// `load.open`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = exclusive(&["rate", "stages"]))]
struct Open {
    /// How the gaps between requests vary around their mean.
    #[schemars(extend("examples" = ["poisson", { "gamma": { "cv": 2.0 } }]))]
    arrivals: AnyOf<Word<Process>, Drawn>,
    /// Requests per second; a list makes one step per rate.
    #[schemars(extend("examples" = [8, "90/min", [1, 2, 4]]))]
    rate: Ladder<PositiveRate>,
    /// The rate over time: ramps and holds, one after the other.
    #[schemars(extend("examples" = [[{ "from": 1, "to": 20, "over": "60s" }, { "hold": 20, "over": "30s" }]]))]
    stages: Stages,
    /// From time to time, another rate in place of the usual one.
    #[schemars(extend("examples" = [{ "every": "60s", "lasting": "5s", "rate": 40 }]))]
    spikes: Spikes,
    /// At most so many requests in flight; more wait in a queue, and the wait counts.
    #[schemars(extend("examples" = [5]))]
    concurrency_limit: Count,
}

/// `load.trace`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Follow {
    /// How many times as fast as it was recorded.
    #[schemars(extend("examples" = [10]))]
    speed: Speed,
    /// At most so many requests in flight; more wait in a queue, and the wait counts.
    #[schemars(extend("examples" = [5]))]
    concurrency_limit: Count,
}

/// `load.search`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = exclusive(&["rate", "users"]))]
struct Search {
    /// Over requests per second.
    #[schemars(extend("examples" = [{ "from": 1, "to": 200 }]))]
    rate: Rates,
    /// Over users, each with one request at a time.
    #[schemars(extend("examples" = [{ "from": 1, "to": 64 }]))]
    users: Users,
    /// How the gaps between requests vary around their mean; users wait for their answers instead.
    #[schemars(extend("examples" = ["poisson", { "gamma": { "cv": 2.0 } }]))]
    arrivals: AnyOf<Word<Process>, Drawn>,
    /// How long each level is tried. Longer where the targets need more requests than it has, and twice as long where it is
    /// undecided.
    #[schemars(extend("examples" = ["30s"]))]
    step: PositiveDuration,
    /// How far the lowest level that does not hold may lie above the highest that does, 1 % to 50 %.
    #[schemars(extend("examples" = ["5%"]))]
    precision: Share,
    /// What has to hold: `"targets"` for every limit on latency and errors that the phase has, names of targets, or `"broken"`,
    /// which goes on until requests fail or throughput collapses.
    #[schemars(extend("examples" = ["targets", ["first_token", "errors"], "broken"]))]
    until: AnyOf<Word<UntilWord>, Different<Name>>,
}

/// `load.search.rate`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = requires(&["from", "to"]))]
struct Rates {
    /// The rate that is tried first.
    #[schemars(extend("examples" = [1]))]
    from: PositiveRate,
    /// The highest that may be tried.
    #[schemars(extend("examples" = [200]))]
    to: PositiveRate,
}

/// `load.search.users`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = requires(&["from", "to"]))]
struct Users {
    /// How many are tried first.
    #[schemars(extend("examples" = [1]))]
    from: Count,
    /// The most that may be tried.
    #[schemars(extend("examples" = [64]))]
    to: Count,
}

/// What a search goes by, in a word.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum UntilWord {
    /// Every at-most target on latency and errors that the phase has, and every at-least one on a share of requests.
    Targets,
    /// The server: under 5 % of errors, and no collapse of throughput.
    Broken,
}

/// An arrival process without parameters.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Process {
    /// Random gaps, as from many people who know nothing of each other.
    Poisson,
    /// Even gaps.
    Constant,
}

/// An arrival process with parameters.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
struct Drawn {
    /// Gamma-distributed gaps: bursts and lulls.
    #[schemars(extend("examples" = [{ "cv": 2.0 }]))]
    gamma: Gamma,
}

/// `arrivals.gamma`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Gamma {
    /// Coefficient of variation of the gaps, their standard deviation over their mean: 1 is Poisson, more means heavier
    /// bursts.
    #[schemars(extend("examples" = [2.0]))]
    cv: Variation,
}

/// `load.open.stages`. A list replaces the one below it, so its elements are whole.
type Stages = AtLeastOne<Stage>;

/// A stretch of time with one course of the rate: a ramp `from` … `to`, or a `hold`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = requires(&["over"]), transform = ramp_or_hold)]
struct Stage {
    /// Requests per second at its start.
    #[schemars(extend("examples" = [1]))]
    from: Rate,
    /// Requests per second at its end.
    #[schemars(extend("examples" = [20]))]
    to: Rate,
    /// Requests per second throughout.
    #[schemars(extend("examples" = [20]))]
    hold: Rate,
    /// Its length.
    #[schemars(extend("examples" = ["60s"]))]
    over: PositiveDuration,
}

fn ramp_or_hold(schema: &mut Schema) {
    demand(schema, json!({ "anyOf": [{ "required": ["from", "to"] }, { "required": ["hold"] }] }));
    alone("hold", &["from", "to"])(schema);
}

/// `load.open.spikes`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Spikes {
    /// One starts at every whole multiple of it.
    #[schemars(extend("examples" = ["60s"]))]
    every: PositiveDuration,
    /// The length of each.
    #[schemars(extend("examples" = ["5s"]))]
    lasting: PositiveDuration,
    /// Requests per second in them, whatever the rate around.
    #[schemars(extend("examples" = [40]))]
    rate: PositiveRate,
}
