//! `[workloads.NAME]`.

use schemars::JsonSchema;

use super::{
    super::{DataFormat, OnBadRow, RowOrder},
    several::{AnyOf, AtLeastOne, Word},
    shape::{exclusive, not_empty, one_of, partial, requires, up_to},
    values::{
        Count, Duration, FilePath, Flag, LargeCount, Length, LengthFromZero, NotEmpty, NotNegative, Positive,
        PositiveDuration, Share, Text,
    },
};

/// `[workloads.NAME]`: what is sent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
pub(super) struct Workload {
    /// Made-up text of a drawn length; every prompt is another one, so that no cache knows it.
    #[schemars(extend("examples" = [{ "prompt_tokens": 100, "output_tokens": 64 }]))]
    synthetic: Synthetic,
    /// Made-up code of a drawn length; every snippet is another one.
    #[schemars(extend("examples" = [{ "output_tokens": 256, "prefix": "Explain what this code does:\n\n" }]))]
    snippets: Snippets,
    /// Prompts out of a file, which are there before anything is sent: every row of it is looked at.
    #[schemars(extend("examples" = [{ "path": "prompts.jsonl", "field": "prompt" }]))]
    dataset: Dataset,
    /// Requests as others recorded them: their times and lengths. Prompts are made up.
    #[schemars(extend("examples" = [{ "path": "trace.jsonl", "window": { "from": "0s", "to": "10m" } }]))]
    trace: Trace,
    /// Requests as an earlier run of this program sent them: their times and lengths, and their prompts where it kept them.
    #[schemars(extend("examples" = [{ "run": "results/runs/RUN", "phase": "main" }]))]
    replay: Replay,
    /// Requests that follow each other, each with all that was said before; only in closed loops, and with protocols that have
    /// turns.
    #[schemars(extend("examples" = [{ "turns": 4, "prompt_tokens": 50, "output_tokens": 64 }]))]
    conversation: Conversation,
}

/// `[workloads.NAME.synthetic]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = exclusive(&["prompt_tokens", "prompt_words"]), transform = exclusive(&["shared_prefix_tokens", "shared_prefix_share"]))]
struct Synthetic {
    /// Length of prompts in tokens, by the endpoint's `tokenizer` or else by an estimate: a number or a distribution.
    prompt_tokens: Lengths,
    /// Length of prompts in words: a number or a distribution.
    #[schemars(extend("examples" = [15, { "poisson": { "mean": 15 } }]))]
    prompt_words: Lengths,
    /// Tokens of output that are asked for: a number or a distribution.
    #[schemars(extend("examples" = [64, { "uniform": { "min": 32, "max": 256 } }]))]
    output_tokens: Lengths,
    /// Text before every prompt.
    #[schemars(extend("examples" = ["Please summarize the following text: "]))]
    prefix: Text,
    /// Tokens of made-up text that all prompts share, to exercise prefix caches on purpose.
    #[schemars(extend("examples" = [512]))]
    shared_prefix_tokens: LengthFromZero,
    /// In place of that number, the share of all prompt tokens that a prefix cache can know: those of `prefix` and of the text that is
    /// shared.
    #[schemars(extend("examples" = ["60%"]))]
    shared_prefix_share: Share,
    /// How many such texts there are. Each prompt begins with one of them, drawn.
    #[schemars(extend("examples" = [8]), transform = up_to(10_000))]
    shared_prefix_groups: Count,
}

/// `[workloads.NAME.conversation]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Conversation {
    /// Requests of each conversation.
    #[schemars(extend("examples" = [4]), transform = up_to(1_000))]
    turns: Count,
    /// Length in tokens, by an estimate, of what the user says in each turn: a number or a distribution.
    #[schemars(extend("examples" = [50]))]
    prompt_tokens: Lengths,
    /// Tokens of output that each turn asks for: a number or a distribution.
    #[schemars(extend("examples" = [64, { "uniform": { "min": 32, "max": 256 } }]))]
    output_tokens: Lengths,
    /// Text before the first turn.
    #[schemars(extend("examples" = ["You are a helpful assistant. "]))]
    prefix: Text,
    /// Tokens of made-up text before the first turn that all conversations share.
    #[schemars(extend("examples" = [512]))]
    shared_prefix_tokens: LengthFromZero,
    /// Pause between an answer and what is said next.
    #[schemars(extend("examples" = ["2s"]))]
    think_time: Duration,
}

/// `[workloads.NAME.snippets]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Snippets {
    /// Length of the code in tokens, by the endpoint's `tokenizer` or else by an estimate: a number or a distribution. It is
    /// met exactly, from about 96 up; what is drawn shorter has so many.
    #[schemars(extend("examples" = [256, { "lognormal": { "mean": 256, "std_dev": 128, "min": 96, "max": 2048 } }]))]
    prompt_tokens: Lengths,
    /// Tokens of output that are asked for: a number or a distribution.
    #[schemars(extend("examples" = [64, { "uniform": { "min": 32, "max": 256 } }]))]
    output_tokens: Lengths,
    /// Text before every snippet.
    #[schemars(extend("examples" = ["Explain what this code does:\n\n"]))]
    prefix: Text,
    /// How often each language is drawn, by weights. One that is not named is never drawn.
    mix: Mix,
}

/// `mix`: weights of languages. At least one is above 0.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = not_empty)]
struct Mix {
    /// Weight of JavaScript.
    #[schemars(extend("examples" = [30]))]
    javascript: NotNegative,
    /// Weight of TypeScript.
    #[schemars(extend("examples" = [30]))]
    typescript: NotNegative,
    /// Weight of Python.
    #[schemars(extend("examples" = [20]))]
    python: NotNegative,
    /// Weight of React: JSX and TSX in equal parts.
    #[schemars(extend("examples" = [20]))]
    react: NotNegative,
}

/// `[workloads.NAME.dataset]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = exclusive(&["output_tokens", "output_tokens_field"]), transform = exclusive(&["field", "template"]))]
struct Dataset {
    /// The file, from the folder of the file that names it.
    #[schemars(extend("examples" = ["prompts.jsonl"]))]
    path: FilePath,
    /// How rows are written in it; by default as its ending says: `.jsonl` and `.ndjson`, `.csv`, `.json` (`ShareGPT`), `.txt`
    /// (lines).
    format: Word<DataFormat>,
    /// Where in a row the prompt is: a name, or a JSON pointer; in a CSV file the name of a column. `prompt` otherwise.
    #[schemars(extend("examples" = ["prompt", "/messages/0/content"]))]
    field: NotEmpty,
    /// What a prompt is made of a row by, in place of `field`: a template of Handlebars over `row`, the number of the request `seq`, and
    /// what `number` and `choice` draw.
    #[schemars(extend("examples" = ["Translate into {{choice \"French\" \"German\"}}: {{row.text}}"]))]
    template: NotEmpty,
    /// Tokens of output that are asked for: a number or a distribution. 64 otherwise; of `ShareGPT` the length of the answer.
    #[schemars(extend("examples" = [64, { "uniform": { "min": 32, "max": 256 } }]))]
    output_tokens: Lengths,
    /// Where in a row the number of output tokens is, in place of `output_tokens`.
    #[schemars(extend("examples" = ["output_tokens"]))]
    output_tokens_field: NotEmpty,
    /// Text before every prompt.
    #[schemars(extend("examples" = ["Please summarize the following text: "]))]
    prefix: Text,
    /// Which row comes when: by the seed, each once before any comes again, or as they stand in the file.
    order: Word<RowOrder>,
    /// What a row comes to that is no JSON, or has no prompt: nothing is sent, or it is left out and counted.
    on_bad_row: Word<OnBadRow>,
    /// Only the first so many rows.
    #[schemars(extend("examples" = [1000]))]
    limit: LargeCount,
    /// Whether it is meant that prompts come again where there are more requests than rows.
    repeat: Flag,
}

/// `[workloads.NAME.trace]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Trace {
    /// The file, from the folder of the file that names it.
    #[schemars(extend("examples" = ["trace.jsonl"]))]
    path: FilePath,
    /// How requests are written in it; by default as its first line says.
    format: Word<ForeignFormat>,
    /// Only this stretch of its time, which begins with its earliest request.
    #[schemars(extend("examples" = [{ "from": "0s", "to": "10m" }]))]
    window: Window,
    /// Only the first so many requests of the window.
    #[schemars(extend("examples" = [1000]))]
    limit: LargeCount,
    /// What a row comes to that cannot be used: nothing is sent, or it is left out and counted.
    on_bad_row: Word<OnBadRow>,
}

/// How requests are written in files that others wrote.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum ForeignFormat {
    /// A JSON object on each line: `timestamp` in milliseconds, `input_length`, `output_length`, and `hash_ids` of blocks of 512
    /// prompt tokens.
    Mooncake,
    /// CSV with the columns `TIMESTAMP`, `ContextTokens` and `GeneratedTokens`.
    Azure,
    /// CSV with the columns `Timestamp`, `Request tokens` and `Response tokens`.
    Burstgpt,
}

/// `[workloads.NAME.replay]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Replay {
    /// The folder of the run, from the folder of the file that names it.
    #[schemars(extend("examples" = ["results/runs/RUN"]))]
    run: FilePath,
    /// Only the requests of this phase; all that were measured otherwise.
    #[schemars(extend("examples" = ["main"]))]
    phase: Text,
    /// Only this stretch of its time, which begins with the earliest request that is taken.
    #[schemars(extend("examples" = [{ "from": "0s", "to": "10m" }]))]
    window: Window,
    /// Only the first so many requests of the window.
    #[schemars(extend("examples" = [1000]))]
    limit: LargeCount,
    /// What a record comes to that cannot be used: nothing is sent, or it is left out and counted.
    on_bad_row: Word<OnBadRow>,
}

/// `window`: a stretch of a trace's own time.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Window {
    /// Where it begins; 0 otherwise.
    #[schemars(extend("examples" = ["0s"]))]
    from: Duration,
    /// Where it ends; with the trace otherwise.
    #[schemars(extend("examples" = ["10m"]))]
    to: PositiveDuration,
}

/// A length: always the same, or drawn.
type Lengths = AnyOf<Length, Distribution>;

/// A distribution of whole lengths.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
struct Distribution {
    /// Always this.
    #[schemars(extend("examples" = [128]))]
    constant: Length,
    /// Every whole number from `min` to `max` equally often.
    #[schemars(extend("examples" = [{ "min": 50, "max": 200 }]))]
    uniform: Uniform,
    /// Normal, rounded and clipped.
    #[schemars(extend("examples" = [{ "mean": 400, "std_dev": 150, "min": 50, "max": 2000 }]))]
    normal: Bell,
    /// Log-normal, rounded and clipped: long-tailed as chat prompts are. Mean and deviation are those of the lengths,
    /// not of their logarithms.
    #[schemars(extend("examples" = [{ "mean": 400, "std_dev": 150, "min": 50, "max": 2000 }]))]
    lognormal: Bell,
    /// Poisson, clipped.
    #[schemars(extend("examples" = [{ "mean": 15 }]))]
    poisson: Poisson,
    /// As they were seen elsewhere: a bin by the weights, then every whole number in it equally often.
    #[schemars(extend("examples" = [[{ "min": 1, "max": 64, "weight": 3 }, { "min": 65, "max": 256, "weight": 1 }]]))]
    histogram: AtLeastOne<Bin>,
}

/// A bin of a histogram of lengths.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = requires(&["min", "max", "weight"]))]
struct Bin {
    /// Smallest.
    min: Length,
    /// Largest.
    max: Length,
    /// How often it is drawn, relative to the others.
    weight: NotNegative,
}

/// Every whole number of a range equally often.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Uniform {
    /// Smallest.
    #[schemars(extend("examples" = [50]))]
    min: Length,
    /// Largest.
    #[schemars(extend("examples" = [200]))]
    max: Length,
}

/// Around a mean.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Bell {
    /// Mean before clipping.
    #[schemars(extend("examples" = [400]))]
    mean: Positive,
    /// Standard deviation before clipping.
    #[schemars(extend("examples" = [150]))]
    std_dev: NotNegative,
    /// Smallest; 1 otherwise.
    #[schemars(extend("examples" = [50]))]
    min: Length,
    /// Largest; a million otherwise.
    #[schemars(extend("examples" = [2000]))]
    max: Length,
}

/// Counts around a mean.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Poisson {
    /// Mean before clipping.
    #[schemars(extend("examples" = [15]))]
    mean: Positive,
    /// Smallest; 1 otherwise.
    #[schemars(extend("examples" = [5]))]
    min: Length,
    /// Largest; a million otherwise.
    #[schemars(extend("examples" = [60]))]
    max: Length,
}
