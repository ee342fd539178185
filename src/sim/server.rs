//! The model behind HTTP: `OpenAI`'s chat completions and completions, the list of models, health and metrics.

use std::{
    io,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use bytes::Bytes;
use http::{
    HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, SERVER},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    answer::Answer,
    metrics::page,
    model::{Event, Request},
    player::{Happened, Player},
    refusal::Refusal,
    request::{Api, Asked, parse},
    token_stream::TokenStream,
};
use crate::config::Sim;

/// What every response says in its `server` header.
const NAME: HeaderValue = HeaderValue::from_static(concat!("scenario-sim/", env!("CARGO_PKG_VERSION")));

/// Bytes that the body of a request may have: room for prompts of millions of tokens.
const MOST_BODY_BYTES: usize = 64 << 20;

/// Serves until the task is dropped. `settings` are taken as checked; `model_name` is what `/v1/models` lists.
pub async fn serve(listener: TcpListener, settings: Sim, model_name: String, seed: u64) -> io::Result<()> {
    let player = Player::start(settings, seed)?;
    let server = Arc::new(Server { player, model_name, seed, started: unix_seconds() });
    let listener = listener.tap_io(|stream| {
        // where it is refused, tokens may arrive late but do arrive
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router(server)).await
}

/// What all requests share.
struct Server {
    player: Player,
    model_name: String,
    seed: u64,
    /// In seconds since the Unix epoch.
    started: u64,
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completions))
        .route("/v1/models", get(models))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/metrics", get(metrics))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(map_response(name_the_server))
        .with_state(server)
}

async fn name_the_server(mut response: Response) -> Response {
    response.headers_mut().insert(SERVER, NAME);
    response
}

async fn unknown_route(uri: Uri) -> Refusal {
    Refusal::invalid(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("`{}` does not take {method}", uri.path());
    Refusal::invalid(StatusCode::METHOD_NOT_ALLOWED, message)
}

async fn models(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(json!({
        "object": "list",
        "data": [{
            "id": server.model_name,
            "object": "model",
            "created": server.started,
            "owned_by": "scenario-sim",
        }],
    }))
}

/// Prometheus' text format, version 0.0.4, in vLLM's names, so that whatever reads a server's page can read this one.
async fn metrics(State(server): State<Arc<Server>>) -> Response {
    let counters = server.player.counters();
    let text = page(counters, &server.model_name);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn chat(server: State<Arc<Server>>, body: Result<Bytes, BytesRejection>) -> Result<Response, Refusal> {
    complete(&server, Api::Chat, &body?).await
}

async fn completions(
    server: State<Arc<Server>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    complete(&server, Api::Completions, &body?).await
}

/// Takes a request through the model. Should the client go away, this future or the body that it returned is
/// dropped, and the ticket in it cancels the request.
async fn complete(server: &Server, api: Api, body: &[u8]) -> Result<Response, Refusal> {
    let asked = parse(api, body)?;
    let Asked { output_tokens, stream, .. } = asked;
    let prompts = asked.prompt_tokens.iter();
    let requests = prompts.map(|&prompt_tokens| Request { prompt_tokens, output_tokens, stream }).collect();
    let mut ticket = server.player.arrive(requests);
    let answer = Answer::new(api, &asked, &server.model_name, server.seed, ticket.ids(), unix_seconds());
    // the decision to take the request makes the status line; the headers go out at once, as servers do. Prompts that
    // come together get in together, so the first that is heard of each is whether it was taken
    for _ in &asked.prompt_tokens {
        expect_no_refusal(ticket.next().await)?;
    }
    if stream {
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
        return Ok((headers, Body::new(TokenStream::new(ticket, answer))).into_response());
    }
    loop {
        expect_no_refusal(ticket.next().await)?;
        if ticket.all_ended() {
            return Ok(Json(answer.into_whole()).into_response());
        }
    }
}

/// Anything that ends a request before its answer begins is a status of its own.
fn expect_no_refusal(happened: Option<Happened>) -> Result<(), Refusal> {
    match happened {
        Some(Happened { event: Event::Failed(fault), .. }) => Err(Refusal::fault(fault)),
        Some(_) => Ok(()),
        None => Err(Refusal::gone()),
    }
}

/// Seconds since the Unix epoch.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
