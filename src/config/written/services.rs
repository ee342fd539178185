//! `[services.NAME]`.

use schemars::JsonSchema;

use super::{
    servers::Secret,
    several::{AnyOf, Variables, Word},
    shape::{one_of, partial},
    values::{Duration, LocalUrl, NotEmpty, PlaceWithPort, PlainText, PositiveDuration},
};
use crate::config::StopSignal;

/// `[services.NAME]`: a program that a run starts before its endpoints are asked, and stops at its end; in a matrix, and with
/// repeats, anew for each run. What it says goes to `services/NAME.log` in the run folder. No shell reads any of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Service {
    /// The program: a name that is looked up in `PATH`, or a path from `folder`. `scenario` is this program itself.
    #[schemars(extend("examples" = ["llama-server", "./server"]))]
    command: NotEmpty,
    /// What stands behind it, each argument a text of its own. A secret is a reference.
    #[schemars(extend("examples" = [["-m", "model.gguf", "--port", "8080"]]))]
    args: Vec<AnyOf<PlainText, Secret>>,
    /// Variables of its environment, besides those of this process. A secret is a reference.
    #[schemars(extend("examples" = [{ "CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": { "env": "HF_TOKEN" } }]))]
    environment: Variables<Secret>,
    /// The folder that it runs in, from that of the file that names it; otherwise that folder itself.
    #[schemars(extend("examples" = ["models"]))]
    folder: NotEmpty,
    /// What shows that it is ready. Without it the ports of the endpoints that it serves are waited for.
    #[schemars(extend("examples" = [{ "http": "http://127.0.0.1:8080/health" }, { "output": "server is listening" }]))]
    ready: Ready,
    /// How long that may take, and the first answer of the endpoints that it serves.
    #[schemars(extend("examples" = ["10m"]))]
    ready_within: PositiveDuration,
    /// The signal that asks it, and all processes of its group, to end.
    stop: Word<StopSignal>,
    /// How long that may take; then they are killed.
    #[schemars(extend("examples" = ["30s"]))]
    stop_within: Duration,
}

/// What shows that a service is ready: one of these.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
struct Ready {
    /// This URL answers with a status of 2xx.
    #[schemars(extend("examples" = ["http://127.0.0.1:8080/health"]))]
    http: LocalUrl,
    /// This place accepts connections.
    #[schemars(extend("examples" = ["127.0.0.1:8080"]))]
    tcp: PlaceWithPort,
    /// This text stands in a line of its output.
    #[schemars(extend("examples" = ["server is listening"]))]
    output: NotEmpty,
}
