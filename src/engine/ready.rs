//! Readiness: every endpoint is asked until it answers, and what only the running servers know is looked up.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use reqwest::{Client, StatusCode, header};
use rustls::ClientConfig;

use super::{tokenize::Comparison, trust};
use crate::{
    config::{Address, HeaderText, HttpVersion, Model, Secret},
    hosts,
    machine::Server,
    plan::{Plan, PlannedEndpoint, Work, describe},
    protocol::Dialect,
    wire::{Origin, aside},
    workload::Source,
};

/// Pause between two looks at a server that does not answer yet.
const PAUSE: Duration = Duration::from_millis(200);

/// How the `server` header of a simulated server begins.
const SIMULATED: &str = "scenario-sim/";

/// Longest that one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// An endpoint of the plan with what is known only at run time.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Where to connect: host resolved once, here.
    pub origin: Origin,
    /// What requests name as their model; never `auto`.
    pub model: Model,
    /// Where requests go under the origin.
    pub target: Uri,
    /// What goes with every request besides what the protocol sets; secrets are marked as sensitive and written
    /// nowhere.
    pub headers: HeaderMap,
    /// What its prompts come from.
    pub source: Source,
    /// How its connections are encrypted; `None` where they are not.
    pub tls: Option<Arc<ClientConfig>>,
    /// What is spoken on them.
    pub http: HttpVersion,
    /// The API.
    pub dialect: Dialect,
    /// What it turned out to be, for `system-info.json`.
    pub server: Server,
    /// The models that it lists, or what came instead of a list: `404 Not Found`.
    pub models: Result<Vec<String>, String>,
}

/// Endpoints that did not become ready: one entry each, with everything that was tried.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct NotReady(pub Vec<String>);

/// Waits until every endpoint that the plan loads answers, at most `ready_timeout` each.
///
/// `simulated` gives the base URL of the simulated server of each endpoint that has one, `sources` the open workload of each
/// endpoint. `secret` reads a secret.
///
/// # Errors
/// All endpoints that did not become ready, with what was tried and the fix.
pub async fn ready(
    plan: &Plan,
    simulated: &[Option<String>],
    sources: &[Source],
    secret: &dyn Fn(&Secret) -> Result<String, String>,
) -> Result<Vec<Binding>, NotReady> {
    let used: Vec<usize> = plan
        .steps
        .iter()
        .flat_map(|step| match &step.work {
            Work::Ready { endpoints } => endpoints.clone(),
            Work::Load(_) | Work::Pause { .. } | Work::Watch { .. } | Work::Spared => Vec::new(),
        })
        .collect();
    let mut problems = Vec::new();
    let mut set_up = Vec::new();
    for endpoint in &plan.endpoints {
        set_up.push(trust::set_up(endpoint).unwrap_or_else(|wrong| {
            problems.extend(wrong.iter().map(|wrong| format!("endpoint `{}`: {wrong}", endpoint.name)));
            None
        }));
    }
    if !problems.is_empty() {
        return Err(NotReady(problems));
    }
    let mut bindings = Vec::new();
    for (index, ((endpoint, tls), source)) in plan.endpoints.iter().zip(set_up).zip(sources).enumerate() {
        let url = match (&endpoint.address, simulated.get(index)) {
            (Address::Url(url), _) | (Address::Sim(_), Some(Some(url))) => url.clone(),
            (Address::Sim(name), _) => {
                problems.push(format!("`{}`: the simulated server `{name}` was not started", endpoint.name));
                continue;
            }
        };
        let bound = async {
            let origin = Origin::resolve(&url).await.map_err(|error| error.to_string())?;
            let addresses = origin.addresses.iter().map(SocketAddr::ip);
            hosts::refuse_public(&origin.host, addresses, &plan.limits.allow_hosts)?;
            let dialect = Dialect::of(endpoint.protocol, endpoint.http.as_ref());
            let headers = headers(endpoint, &dialect, secret)?;
            let client = client(&origin, tls.as_deref(), endpoint.http_version)?;
            // a model that is still being loaded may have its port open already
            let service = plan.service_of(endpoint);
            let limit = plan.limits.ready_timeout;
            let limit = service.map_or(limit, |service| service.ready_within.max(limit));
            let patience = match service {
                Some(service) => format!("services.{}.ready_within", service.name),
                None => "run.ready_timeout".to_owned(),
            };
            let look = Look { client: &client, endpoint, dialect, url: &url, source, limit, patience };
            look.bind(origin, headers, tls, used.contains(&index)).await
        };
        match bound.await {
            Ok(binding) => bindings.push(binding),
            Err(problem) => problems.push(format!("endpoint `{}`: {problem}", endpoint.name)),
        }
    }
    if problems.is_empty() { Ok(bindings) } else { Err(NotReady(problems)) }
}

/// A client that looks where the load will go, as the load will, and nowhere else.
fn client(origin: &Origin, tls: Option<&ClientConfig>, http: HttpVersion) -> Result<Client, String> {
    let builder = aside(origin, tls);
    let builder = match http {
        HttpVersion::One => builder.http1_only(),
        HttpVersion::Two => builder.http2_prior_knowledge(),
        HttpVersion::Auto => builder,
    };
    builder.build().map_err(|error| format!("cannot set up a HTTP client: {error}"))
}

/// One endpoint being looked at.
struct Look<'a> {
    client: &'a Client,
    endpoint: &'a PlannedEndpoint,
    dialect: Dialect,
    url: &'a str,
    source: &'a Source,
    limit: Duration,
    /// The key that says how long that is.
    patience: String,
}

/// What a server said when it was asked for its models.
struct Answer {
    version: String,
    /// The names, or what came instead of them: `404 Not Found`.
    models: Result<Vec<String>, String>,
}

impl Look<'_> {
    async fn bind(
        &self,
        origin: Origin,
        headers: HeaderMap,
        tls: Option<Arc<ClientConfig>>,
        used: bool,
    ) -> Result<Binding, String> {
        let answer = if used {
            self.wait(&headers).await?
        } else {
            // loaded by no phase: never asked, never sent to
            Answer { version: String::new(), models: Err(String::new()) }
        };
        // a simulated server that somebody started by hand says what it is
        let simulated = self.endpoint.simulated() || answer.version.starts_with(SIMULATED);
        let model = match &self.endpoint.model {
            named @ Model::Named(_) => named.clone(),
            mix @ Model::Mix(_) => {
                // those take any name
                if !simulated {
                    self.refuse_unlisted(mix, answer.models.as_deref().unwrap_or_default())?;
                }
                mix.clone()
            }
            // a body that asks for none
            Model::Auto if !used || self.dialect.models_path().is_none() => Model::Named(String::new()),
            Model::Auto => {
                let nothing = match answer.models.as_deref() {
                    Ok([first, ..]) => Ok(Model::Named(first.clone())),
                    Ok([]) => Err("an empty list"),
                    Err(instead) => Err(instead.as_str()),
                };
                nothing.map_err(|instead| {
                    let name = &self.endpoint.name;
                    let no_path = origin.base_path.trim_matches('/').is_empty();
                    let versioned = self.dialect.is_versioned();
                    let path = if no_path && versioned && instead.starts_with("404") {
                        format!(
                            "`endpoints.{name}.url` probably lacks `/v1`: write `{}/v1`; or ",
                            self.url.trim_end_matches('/')
                        )
                    } else {
                        String::new()
                    };
                    format!(
                        "`model = \"auto\"`, but `GET {}` answered {instead}\n  help: {path}name the model: \
                         `endpoints.{name}.model = \"NAME\"`",
                        self.models_url(),
                    )
                })?
            }
        };
        if used && !simulated {
            let only = if let Model::Named(name) = &model { Some(name.as_str()) } else { None };
            for model in model.several().chain(only) {
                let counter = self.source.counter();
                let Self { client, endpoint, url, .. } = *self;
                let comparison =
                    Comparison { client, endpoint, url, headers: &headers, model, counter, limit: LOOK };
                comparison.make().await?;
            }
        }
        let server = Server {
            endpoint: self.endpoint.name.clone(),
            url: self.url.to_owned(),
            model: describe::model(&model),
            simulated,
            version: answer.version,
        };
        let target = origin
            .target(self.dialect.path(self.endpoint.stream))
            .map_err(|error| format!("`{}` cannot be requested: {error}", self.url))?;
        let http = self.endpoint.http_version;
        let source = self.source.clone();
        let dialect = self.dialect.clone();
        Ok(Binding {
            origin,
            model,
            target,
            headers,
            source,
            tls,
            http,
            dialect,
            server,
            models: answer.models,
        })
    }

    /// Refuses a mix with models that a server does not list, where it lists any: each request to one of those would
    /// fail, and be a part of the numbers.
    fn refuse_unlisted(&self, mix: &Model, listed: &[String]) -> Result<(), String> {
        let is_listed = |name: &str| listed.iter().any(|listed| is_called(listed, name));
        let quoted = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let missing = quoted(&mut mix.several().filter(|name| !is_listed(name)));
        if listed.is_empty() || missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "`GET {}` does not list {missing}; it lists {}\n  help: correct `endpoints.{}.model`, or let the server load \
             the model or adapter",
            self.models_url(),
            quoted(&mut listed.iter().map(String::as_str)),
            self.endpoint.name,
        ))
    }

    /// Asks until the server answers or the time is over.
    async fn wait(&self, headers: &HeaderMap) -> Result<Answer, String> {
        let begin = Instant::now();
        let mut looks = 0;
        loop {
            looks += 1;
            let left = self.limit.saturating_sub(begin.elapsed());
            let last = match self.look(headers, LOOK.min(left)).await {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Final(reason)) => return Err(reason),
                Err(Refusal::NotYet(reason)) => reason,
            };
            if begin.elapsed() + PAUSE >= self.limit {
                return Err(format!(
                    "no answer from {} within {}: tried {looks} times, last {last}\n  help: start the server, \
                     correct `endpoints.{}.url`, or raise `{}`{}",
                    self.url,
                    crate::units::write_duration(self.limit),
                    self.endpoint.name,
                    self.patience,
                    trust::unasked(self.endpoint),
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where the server tells what models it has; its base URL where nothing is known of such a place.
    fn models_url(&self) -> String {
        format!("{}{}", self.url, self.dialect.models_path().unwrap_or("/"))
    }

    /// One look: the list of models, or any sign of life where there is no such list.
    async fn look(&self, headers: &HeaderMap, limit: Duration) -> Result<Answer, Refusal> {
        let url = self.models_url();
        let request = self.client.get(&url).headers(headers.clone()).timeout(limit);
        let response = request.send().await.map_err(|error| {
            let what = format!("`GET {url}`: {}", root_cause(&error));
            match trust::advice(&error, self.endpoint) {
                Some(help) => Refusal::Final(format!("{what}\n  help: {help}")),
                None => Refusal::NotYet(what),
            }
        })?;
        let status = response.status();
        let version = response
            .headers()
            .get(header::SERVER)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let name = &self.endpoint.name;
                let key = format!("`endpoints.{name}.api_key = {{ env = \"NAME\" }}`");
                let help = match (&self.endpoint.api_key, headers.is_empty()) {
                    (Some(_), _) => format!("the key is not accepted: correct {key}"),
                    (None, false) => format!("correct `endpoints.{name}.headers`, or set {key}"),
                    (None, true) => format!("set {key}"),
                };
                Err(Refusal::Final(format!("`GET {url}` answered {status}\n  help: {help}")))
            }
            // a server that is still loading its model says so, and so does a gateway before it
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => Err(Refusal::NotYet(format!("`GET {url}`: {status}"))),
            // the requests would be redirected too, and each would count as a failure
            _ if status.is_redirection() => {
                let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                Err(Refusal::Final(format!(
                    "`GET {url}` answered {status}, to `{}`, and redirects are not followed\n  help: set \
                     `endpoints.{}.url` to where the server is",
                    to.unwrap_or_default(),
                    self.endpoint.name
                )))
            }
            _ if status.is_success() => {
                let names = response.json::<serde_json::Value>().await.ok();
                let names = names.and_then(|body| self.dialect.model_names(&body));
                Ok(Answer {
                    version,
                    models: names.ok_or_else(|| format!("{status} without a list of models")),
                })
            }
            // it speaks HTTP and has no list of models: good enough where the file names one
            _ => Ok(Answer { version, models: Err(status.to_string()) }),
        }
    }
}

/// Whether a model that is listed goes by a name: Ollama lists tags, and takes a name without one for `latest`.
fn is_called(listed: &str, name: &str) -> bool {
    listed == name || listed.strip_suffix(":latest") == Some(name)
}

/// The headers of an endpoint, with the values of its secrets.
fn headers(
    endpoint: &PlannedEndpoint,
    dialect: &Dialect,
    secret: &dyn Fn(&Secret) -> Result<String, String>,
) -> Result<HeaderMap, String> {
    // what the scenario says of the protocol's own goes before what the protocol says
    let mut headers: HeaderMap = dialect.header().into_iter().collect();
    for (name, text) in &endpoint.headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is not a name of a header"))?;
        let value = match text {
            HeaderText::Text(text) => HeaderValue::from_str(text)
                .map_err(|_| format!("the header `{name}` has characters that a header cannot carry"))?,
            HeaderText::Secret(reference) => sensitive(&secret(reference)?)?,
        };
        headers.insert(name, value);
    }
    if let Some(key) = &endpoint.api_key {
        let (name, before) = dialect.key();
        headers.insert(name, sensitive(&format!("{before}{}", secret(key)?))?);
    }
    Ok(headers)
}

/// A value that is shown nowhere.
fn sensitive(secret: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(secret)
        .map_err(|_| "the secret has characters that a header cannot carry".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why a look did not succeed.
enum Refusal {
    /// Waiting may help.
    NotYet(String),
    /// It will not.
    Final(String),
}

/// The innermost cause, which is the one that tells: `Connection refused (os error 111)`.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
