//! `[endpoints.NAME]` and `[sims.NAME]`.

use super::{
    super::{Address, Endpoint, Faults, KV_CACHE_BLOCK_TOKENS, Sim, tree::Node},
    body, check, connection,
    fields::Fields,
    headers, http_api,
    leaf::{self, Read, wrong},
    metrics, model, objectives,
    tokenizer::tokenizer,
    url::{self, Hints},
};
use crate::catalog::Protocol;

const URL_EXAMPLE: &str = "url = \"http://127.0.0.1:8080/v1\"";
const HINTS: Hints = Hints {
    example: "http://HOST:PORT/v1",
    secret: "use `api_key = { env = \"NAME\" }`",
    query: "`?` and `#` have no place in a base URL",
};

/// Reads an endpoint.
pub(super) fn endpoint(fields: &mut Fields<'_>) -> Option<Endpoint> {
    let protocols = Protocol::ALL.map(|protocol| (protocol.name(), protocol));
    let protocol = fields.get("protocol", leaf::word(&protocols));
    let url = fields.require("url", URL_EXAMPLE, |node| address(node, protocol));
    let model = model::model(fields);
    let tokenized = fields.node("tokenizer").is_some();
    let tokenizer = fields.get("tokenizer", tokenizer);
    let weighted = fields.node("weight").is_some();
    let weight = fields.get("weight", leaf::not_negative);
    let workload = fields.get("workload", leaf::text);
    let stream = fields.get("stream", leaf::boolean);
    let timeout = fields.get("timeout", leaf::positive_duration);
    let keyed = fields.node("api_key").is_some();
    let api_key = headers::api_key(fields);
    let headers = headers::headers(fields);
    let body = body::body(fields, protocol);
    let checked = fields.node("check").is_some();
    let check = check::check(fields);
    let described = fields.node("http").is_some() || protocol == Some(Protocol::Http);
    let http = http_api::http_api(fields, protocol, model.as_ref());
    let http_version = connection::http_version(fields);
    let tls = connection::tls(fields);
    let objectives = fields.table_at("objectives").map(objectives::objectives).unwrap_or_default();
    let metrics = metrics::metrics(fields);
    let served = fields.node("service").is_some();
    let service = fields.get("service", leaf::text);
    let named = fields.node("pid").is_some();
    let pid = fields.get("pid", leaf::count(1));
    let wrong = [
        weighted && weight.is_none(),
        tokenized && tokenizer.is_none(),
        keyed && api_key.is_none(),
        checked && check.is_none(),
        described && http.is_none(),
        served && service.is_none(),
        named && pid.is_none(),
    ];
    if wrong.contains(&true) {
        return None;
    }
    Some(Endpoint {
        url: url?,
        protocol: protocol?,
        model: model?,
        tokenizer,
        weight,
        workload: workload?,
        // that somebody asks for one all the same is told elsewhere
        stream: stream? && protocol?.generates(),
        timeout: timeout?,
        api_key,
        headers: headers?,
        body: body?,
        check,
        http,
        http_version: http_version?,
        tls: tls?,
        objectives,
        metrics: metrics?,
        service,
        pid,
    })
}

/// Paths that protocols add to the base URL, and that no base URL ends with.
pub(in super::super) const OPERATIONS: &[&str] =
    &["/chat/completions", "/completions", "/completion", "/api/generate", "/api/chat", "/generate_stream"];

/// Paths that a protocol adds to the base URL, and with which that of another one may end.
fn operations(protocol: Option<Protocol>) -> &'static [&'static str] {
    match protocol {
        Some(Protocol::OpenaiResponses) => &["/responses"],
        Some(Protocol::OpenaiEmbeddings) => &["/embeddings"],
        Some(Protocol::AnthropicMessages) => &["/messages"],
        Some(Protocol::Tgi) => &["/generate"],
        Some(Protocol::Rerank | Protocol::TeiRerank) => &["/rerank"],
        _ => &[],
    }
}

/// Reads a base URL or `sim:NAME`.
fn address(node: &Node, protocol: Option<Protocol>) -> Read<Address> {
    let text = leaf::text(node)?;
    let text = text.trim();
    if let Some(name) = text.strip_prefix("sim:") {
        return if name.is_empty() {
            wrong(
                node,
                "names no simulated server",
                "nothing behind `sim:`",
                "write `\"sim:NAME\"`, such as `\"sim:rtx_4090\"`",
            )
        } else {
            Ok(Address::Sim(name.to_owned()))
        };
    }
    if !url::is_http(text) {
        let help = match text.split_once("://") {
            None if text.contains(['.', ':']) || text == "localhost" => {
                // a user or a query would be refused next, and can be a secret
                let base = text.split(['?', '#']).next().unwrap_or_default();
                let (host, path) = base.split_once('/').unwrap_or((base, ""));
                let host = host.rsplit('@').next().unwrap_or_default();
                format!("write `\"http://{host}/{}\"`", if path.is_empty() { "v1" } else { path })
            }
            _ => "write `\"http://HOST:PORT/v1\"`, `\"https://…\"` or `\"sim:NAME\"`".to_owned(),
        };
        return wrong(node, "must start with `http://`, `https://` or `sim:`", "not such a URL", help);
    }
    url::check(node, text, &HINTS)?;
    let base = text.trim_end_matches('/');
    let mut known = OPERATIONS.iter().chain(operations(protocol));
    if let Some(operation) = known.find(|operation| base.ends_with(*operation)) {
        let root = base.trim_end_matches(operation);
        return wrong(
            node,
            format!("must be the base URL, without `{operation}`"),
            "one path too many: the protocol adds it",
            format!("write `\"{root}\"`"),
        );
    }
    Ok(Address::Url(base.to_owned()))
}

/// Reads a simulated server.
pub(super) fn sim(fields: &mut Fields<'_>) -> Option<Sim> {
    // followed long before, by `fill`
    fields.node("extends");
    let prefill = fields.get("prefill_tokens_per_second", leaf::positive);
    let step_base = fields.get("step_base", leaf::positive_duration);
    let step_per_sequence = fields.get("step_per_sequence", leaf::duration);
    let max_batch = fields.get("max_batch", leaf::count(1));
    let limited = fields.node("kv_cache_tokens").is_some();
    let kv_cache_tokens = fields.get("kv_cache_tokens", leaf::count(i128::from(KV_CACHE_BLOCK_TOKENS)));
    let jitter = fields.get("jitter", leaf::share);
    let overhead = fields.get("overhead", leaf::duration);
    let faults = fields.table_at("faults").and_then(faults);
    if limited && kv_cache_tokens.is_none() {
        return None;
    }
    Some(Sim {
        prefill_tokens_per_second: prefill?,
        step_base_s: step_base?.as_secs_f64(),
        step_per_sequence_s: step_per_sequence?.as_secs_f64(),
        max_batch: max_batch?,
        kv_cache_tokens,
        jitter: jitter?,
        overhead_s: overhead?.as_secs_f64(),
        faults: faults?,
    })
}

fn faults(mut fields: Fields<'_>) -> Option<Faults> {
    let error_rate = fields.get("error_rate", leaf::share);
    let limited = fields.node("overload_queue").is_some();
    let overload_queue = fields.get("overload_queue", leaf::count(0));
    let mid_stream_error_rate = fields.get("mid_stream_error_rate", leaf::share);
    let cut_rate = fields.get("cut_rate", leaf::share);
    let stall_rate = fields.get("stall_rate", leaf::share);
    fields.finish();
    if limited && overload_queue.is_none() {
        return None;
    }
    Some(Faults {
        error_rate: error_rate?,
        overload_queue,
        mid_stream_error_rate: mid_stream_error_rate?,
        cut_rate: cut_rate?,
        stall_rate: stall_rate?,
    })
}
