//! `[endpoints.NAME]` and `[sims.NAME]`.

use schemars::JsonSchema;

use super::{
    several::{AnyOf, AtLeastOne, ByModel, Headers, Word},
    shape::{not_empty, one_of, partial},
    targets::Objectives,
    values::{
        Count, CountFromZero, Duration, Fields, FilePath, Flag, KeptLength, KvCacheTokens, Name, NotEmpty,
        NotNegative, PageUrl, PageWord, Pem, Positive, PositiveDuration, Scalar, Share, Text, TokenizerWord,
        Url, Verbatim,
    },
};
use crate::{catalog::Protocol, config::HttpVersion};

/// `[endpoints.NAME]`: a server under test.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Endpoint {
    /// The base URL, or `sim:NAME` for a simulated server that is started for the run.
    #[schemars(extend("examples" = ["http://127.0.0.1:8080/v1", "sim:rtx_4090"]))]
    url: Url,
    /// What it speaks, which settles the path of its requests, their shape, and how answers are read.
    protocol: Word<Protocol>,
    /// The model that requests name; `"auto"` takes the first that the server lists. Of several, each with a weight, every
    /// request names one, which follows from the seed and its number.
    #[schemars(extend("examples" = ["llama-3.1-8b-instruct", { "llama-3.1-8b": 0.8, "my-lora": 0.2 }]))]
    model: AnyOf<Text, ByModel<Positive>>,
    /// What counts the tokens of its prompts, so that lengths in tokens are exact: the path of the model's `tokenizer.json`, from the
    /// folder of the file that names it, or the name of an encoding of tiktoken. Without one they are estimates.
    #[schemars(extend("examples" = ["tokenizer.json", "cl100k_base"]))]
    tokenizer: TokenizerWord,
    /// Its share of mixed traffic, relative to the others. Without any weight all have the same; with one, those
    /// without get traffic only from phases that name them.
    #[schemars(extend("examples" = [0.3]))]
    weight: NotNegative,
    /// The name of its workload, where there are several.
    #[schemars(extend("examples" = ["questions"]))]
    workload: Name,
    /// Whether answers are streamed, which vectors and scores never are. Without a stream there is no time to first
    /// token.
    stream: Flag,
    /// Longest that one request may take; `defaults.timeout` otherwise.
    #[schemars(extend("examples" = ["30s"]))]
    timeout: PositiveDuration,
    /// Where the key is found that is sent as `authorization: Bearer …`, or as `x-api-key` with `anthropic_messages`. The key
    /// itself never stands in a file.
    #[schemars(extend("examples" = [{ "env": "API_KEY" }, { "file": "/run/secrets/key" }]))]
    api_key: Secret,
    /// Headers that go with every request. One that carries a secret, such as `authorization`, is a reference.
    #[schemars(extend("examples" = [{ "x-team": "a", "authorization": { "env": "BEARER" } }]))]
    headers: Headers<Secret>,
    /// Fields of every request's body besides those that the protocol sets, as they are.
    #[schemars(extend("examples" = [{ "temperature": 0.0, "ignore_eos": true }]))]
    body: Fields,
    /// What the text of every answer must be; one that is not is a failure. Reasoning and tool calls are no text.
    #[schemars(extend("examples" = [{ "regex": "^[0-9]+$" }, { "min_length": 20 }]))]
    check: AnswerCheck,
    /// The API, with `protocol = "http"`: what is sent, and where in its answers things stand.
    http: HttpApi,
    /// What is spoken with it. `"2"` is agreed on by ALPN over TLS and taken for granted without it; `"auto"` lets a server
    /// with TLS choose.
    http_version: Word<HttpVersion>,
    /// Whom its connections trust, and how they show who they are; only with `https://`.
    tls: Tls,
    /// What is asked of its requests, laid key by key over the `[objectives]` of all.
    #[schemars(extend("examples" = [{ "ttft": "200ms", "e2e": "5s" }]))]
    objectives: Objectives,
    /// Where its server tells of itself, in the text format of Prometheus: the URL of a page, or a list of several, such as one of an
    /// exporter for the GPUs of its machine. `"auto"`, which is also what holds without the key, looks once whether the server has
    /// `/metrics`, and follows it where it is that of vLLM, `SGLang`, TGI or llama.cpp; `"off"` does not look.
    #[schemars(extend("examples" = [
        "http://127.0.0.1:8080/metrics",
        ["http://127.0.0.1:8080/metrics", "http://127.0.0.1:9400/metrics"],
        "off",
    ]))]
    metrics: AnyOf<PageWord, AnyOf<PageUrl, AtLeastOne<PageUrl>>>,
    /// The name of the service that serves it, where the run starts that.
    #[schemars(extend("examples" = ["server"]))]
    service: Name,
    /// The process of its server, whose processor time and memory are read with those of its children. A server of this
    /// machine is found by its port, and needs this only where it is not: behind a proxy, in a container, or run by somebody else.
    #[schemars(extend("examples" = [4242]))]
    pid: Count,
}

/// `[endpoints.NAME.check]`: what the text of every answer must be, all of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = not_empty)]
struct AnswerCheck {
    /// A regular expression, of Rust's `regex`, that matches somewhere in it.
    #[schemars(extend("examples" = ["^[0-9]+$", "(?i)\\bparis\\b"]))]
    regex: NotEmpty,
    /// A JSON Schema that it is a document of: itself as a table, or the path of its file, from the folder of the file that
    /// names it.
    #[schemars(extend("examples" = ["answer.schema.json", { "type": "object", "required": ["name"] }]))]
    json_schema: AnyOf<FilePath, Fields>,
    /// Characters that it has at least.
    #[schemars(extend("examples" = [20]))]
    min_length: KeptLength,
}

/// `[endpoints.NAME.http]`: where things stand in a document of an answer is a JSON pointer such as `/choices/0/text`, or the
/// name of a field.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct HttpApi {
    /// The path of requests under the base URL.
    #[schemars(extend("examples" = ["/generate"]))]
    path: Text,
    /// The body of a request, which is JSON once `{{prompt}}` (a text, within quotes), `{{json prompt}}` (with its quotes),
    /// `{{model}}`, `{{output_tokens}}` and `{{stream}}` are filled in, in the language of Handlebars.
    #[schemars(extend("examples" = ["{ \"prompt\": \"{{prompt}}\", \"max_tokens\": {{output_tokens}} }"]))]
    body: Text,
    /// Where the text of an answer stands. What is no text, such as a list, counts as output, too.
    #[schemars(extend("examples" = ["/token/text"]))]
    text: Text,
    /// Where reasoning stands.
    #[schemars(extend("examples" = ["/thinking"]))]
    reasoning: Text,
    /// Where it stands why the model stopped.
    #[schemars(extend("examples" = ["/finish_reason"]))]
    finish_reason: Text,
    /// Where the prompt's tokens stand; of several documents the last that has it counts.
    #[schemars(extend("examples" = ["/usage/input"]))]
    input_tokens: Text,
    /// Where the tokens of output so far stand, reasoning included.
    #[schemars(extend("examples" = ["/usage/output"]))]
    output_tokens: Text,
    /// Where the output tokens that were spent on reasoning stand.
    #[schemars(extend("examples" = ["/usage/reasoning"]))]
    reasoning_tokens: Text,
    /// Where the prompt's tokens that were found in a cache stand.
    #[schemars(extend("examples" = ["/usage/cached"]))]
    cached_tokens: Text,
    /// Where the server's own timings stand, which each record keeps.
    #[schemars(extend("examples" = ["/timings"]))]
    timings: Text,
    /// Where it stands that something went wrong; `/error` otherwise.
    #[schemars(extend("examples" = ["/status/failure"]))]
    error: Text,
    /// What the last document of a stream has: anything in this place, or exactly `is` in the place `at`. Without it, and without
    /// `finish_reason`, a stream ends with the body.
    #[schemars(extend("examples" = ["/done", { "at": "/type", "is": "end" }]))]
    end: AnyOf<Text, EndMark>,
}

/// What stands where in the last document of a stream.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct EndMark {
    /// Where it stands.
    #[schemars(extend("examples" = ["/type"]))]
    at: Text,
    /// What stands there.
    #[schemars(extend("examples" = ["end"]))]
    is: Scalar,
}

/// `[endpoints.NAME.tls]`: PEM files, whose paths start at the folder of the file that they are named in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Tls {
    /// Certificates of the authorities that are trusted, in place of the system's.
    #[schemars(extend("examples" = ["ca.pem"]))]
    ca: Pem,
    /// The certificate that the client shows to a server that asks for one.
    #[schemars(extend("examples" = ["client.pem"]))]
    cert: Pem,
    /// The private key of that certificate.
    #[schemars(extend("examples" = ["client-key.pem"]))]
    key: Pem,
    /// Accepts any certificate of the server. Whoever sits between can then read and change everything.
    insecure: Flag,
}

/// A secret by reference.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = one_of)]
pub(super) struct Secret {
    /// The environment variable that holds it.
    #[schemars(extend("examples" = ["API_KEY"]))]
    env: Verbatim,
    /// The file that holds it; white space around it is dropped.
    #[schemars(extend("examples" = ["/run/secrets/key"]))]
    file: Verbatim,
}

/// `[sims.NAME]`: a simulated server. Times are those of a continuous-batching server: prompts are prefilled one after
/// the other, and a decoding step gives every running sequence one token.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
pub(super) struct Sim {
    /// The simulated server whose settings hold where this one says nothing: another of the file, or a built-in one.
    #[schemars(extend("examples" = ["rtx_4090"]))]
    extends: Text,
    /// Prompt tokens that it prefills per second.
    prefill_tokens_per_second: Positive,
    /// Time of a decoding step with an empty batch.
    step_base: PositiveDuration,
    /// Time that each running sequence adds to a step.
    step_per_sequence: Duration,
    /// Sequences that run at once; more wait.
    max_batch: Count,
    /// Tokens of running sequences, prompts and answers, that it has memory for, in blocks of 16. A request waits until
    /// there is room for its prompt; when the memory is full, the one that began last is put back and computed anew. Without
    /// this key memory has no end.
    #[schemars(extend("examples" = [40_000]))]
    kv_cache_tokens: KvCacheTokens,
    /// Standard deviation of a step's time, as a share of it. Times are gamma-distributed; 100 % is exponential.
    jitter: Share,
    /// Fixed time before anything happens: network and HTTP.
    overhead: Duration,
    /// What goes wrong, to see how a client and its report take it.
    faults: Faults,
}

/// Faults on demand; which requests they hit follows from the seed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Faults {
    /// Share of requests that are answered with status 500.
    error_rate: Share,
    /// Status 503 when more than so many requests wait.
    #[schemars(extend("examples" = [8]))]
    overload_queue: CountFromZero,
    /// Share of streams that carry an error object in the middle.
    mid_stream_error_rate: Share,
    /// Share of streams that are cut in the middle.
    cut_rate: Share,
    /// Share of streams that stop sending and stay open.
    stall_rate: Share,
}
