//! Alerts as messages to a server of the user's: one JSON document for each, beside the run and never in its way.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{recording::Voice, secrets::read_secret};
use crate::{
    catalog::{MetricName, Unit},
    config::{HeaderText, Severity},
    plan::Plan,
    record::{Alert, AlertState},
    wire::{Origin, aside, in_words, trust_of_system},
};

/// Messages that may wait; what comes while so many do is left out, and counted.
const QUEUE: usize = 64;
/// Longest that one try may take.
const LONGEST: Duration = Duration::from_secs(3);
/// Pauses before a message is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Longest that the end of a run waits for messages that are on their way.
const AT_THE_END: Duration = Duration::from_secs(5);

/// One message. What is not known is not there.
#[derive(Debug, Serialize)]
struct Message<'a> {
    /// Always `alert`.
    event: &'static str,
    /// `firing`, `cleared` or `ended`.
    state: AlertState,
    alert: &'a str,
    severity: Severity,
    /// All of it in a line, for people.
    text: String,
    /// What it watches: `ttft.p95 > 800 ms over 30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<MetricName>,
    /// That of the values: `seconds`, `share`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worst: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The scenario's name, with the case of a matrix.
    scenario: &'a str,
    /// The name of the run folder.
    run: &'a str,
    /// Wall clock, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Seconds since the start of the run.
    at_s: f64,
}

/// Where messages go, with every secret read.
#[derive(Debug)]
pub(super) struct Webhook {
    url: Url,
    headers: HeaderMap,
}

impl Webhook {
    /// That of a plan; `None` where it has none.
    ///
    /// # Errors
    ///
    /// That a secret cannot be read, or is none that could be sent or sent to; the reason never contains it.
    pub(super) fn of(plan: &Plan) -> anyhow::Result<Option<Self>> {
        let Some(written) = &plan.webhook else { return Ok(None) };
        let read = |address: &str, text: &HeaderText| match text {
            HeaderText::Text(text) => Ok(text.clone()),
            HeaderText::Secret(secret) => {
                read_secret(secret).map_err(|why| anyhow::anyhow!("`{address}`: {why}"))
            }
        };
        let url = address(&read("alerting.webhook.url", &written.url)?)?;
        let mut headers = HeaderMap::new();
        for (name, text) in &written.headers {
            let address = format!("alerting.webhook.headers.{name}");
            let mut value = HeaderValue::from_str(&read(&address, text)?)
                .map_err(|_| anyhow::anyhow!("`{address}`: it has characters that a header cannot carry"))?;
            value.set_sensitive(true);
            let name = HeaderName::from_bytes(name.as_bytes())
                .with_context(|| format!("`{address}` is not a name of a header"))?;
            headers.insert(name, value);
        }
        Ok(Some(Self { url, headers }))
    }

    /// Begins to send, on the runtime that this is called in.
    pub(super) fn start(
        self,
        plan: &Plan,
        run: String,
        started: OffsetDateTime,
        voice: Voice,
    ) -> (Outbox, Sending) {
        let (queue, messages) = mpsc::channel(QUEUE);
        let conditions = plan.alerts.iter().map(|alert| (alert.name.clone(), alert.in_words())).collect();
        let outbox = Outbox {
            queue,
            conditions,
            scenario: plan.title(),
            run,
            started,
            left_out: 0,
            voice: voice.clone(),
        };
        (outbox, Sending(tokio::spawn(self.deliver(messages, voice.clone())), voice))
    }

    /// Sends what comes, one after the other, until nothing will.
    async fn deliver(self, mut messages: mpsc::Receiver<String>, voice: Voice) {
        let mut client = None;
        let mut told = false;
        while let Some(message) = messages.recv().await {
            let mut sent = self.send(&message, &mut client).await;
            for pause in PAUSES {
                if sent.is_ok() {
                    break;
                }
                tokio::time::sleep(pause).await;
                sent = self.send(&message, &mut client).await;
            }
            if let Err(why) = sent
                && !std::mem::replace(&mut told, true)
            {
                // the URL may be a secret
                voice.say(&format!("warning: alerts do not reach `alerting.webhook`: {why}"));
            }
        }
    }

    async fn send(&self, message: &str, client: &mut Option<Client>) -> Result<(), String> {
        let client = match client {
            Some(client) => client,
            None => client.insert(connect(&self.url).await?),
        };
        let request = client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(message.to_owned())
            .timeout(LONGEST);
        let response = request.send().await.map_err(|error| in_words(&error, LONGEST))?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
    }
}

/// A URL that messages can go to; what is wrong with another one is told without a word of it, since it may be a secret.
fn address(text: &str) -> anyhow::Result<Url> {
    let parsed = Url::parse(text).ok();
    let url = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).context(
        "`alerting.webhook.url`: what is kept there is no URL of HTTP such as `https://HOST/PATH`",
    )?;
    anyhow::ensure!(
        url.username().is_empty() && url.password().is_none(),
        "`alerting.webhook.url`: what is kept there has a user or a password: put what identifies the sender into \
         `alerting.webhook.headers`"
    );
    Ok(url)
}

/// A client that goes there and nowhere else: no proxies and no redirects.
async fn connect(url: &Url) -> Result<Client, String> {
    // what a path and a query say is no matter of where the host is
    let place = url.origin().ascii_serialization();
    let resolved = timeout(LONGEST, Origin::resolve(&place)).await;
    let origin = match resolved {
        Ok(origin) => origin.map_err(|_| "its host cannot be found".to_owned())?,
        Err(_) => return Err("its host cannot be found in time".to_owned()),
    };
    let client = aside(&origin, trust_of_system(&origin)?.as_deref()).build();
    client.map_err(|_| "cannot set up a HTTP client".to_owned())
}

/// Where alerts are handed in; never waits.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<String>,
    /// What each alert watches, by its name.
    conditions: BTreeMap<String, String>,
    scenario: String,
    run: String,
    started: OffsetDateTime,
    left_out: u64,
    voice: Voice,
}

impl Outbox {
    /// Hands in an alert.
    pub(super) fn tell(&mut self, alert: &Alert) {
        let message = self.message(alert);
        if self.queue.try_send(message).is_err() {
            self.left_out += 1;
        }
    }

    fn message(&self, alert: &Alert) -> String {
        let since = time::Duration::nanoseconds(i64::try_from(alert.at_ns).unwrap_or(i64::MAX));
        let scope = alert.scope.as_ref();
        let message = Message {
            event: "alert",
            state: alert.state,
            alert: &alert.alert,
            severity: alert.severity,
            text: format!("{}: {}", self.scenario, alert.line()),
            condition: self.conditions.get(&alert.alert).map(String::as_str),
            metric: alert.metric,
            unit: alert.metric.map(|metric| metric.metric.unit()),
            value: alert.value,
            threshold: alert.threshold,
            worst: alert.worst,
            phase: scope.map(|scope| scope.phase.as_str()),
            step: scope.and_then(|scope| scope.step.as_deref()),
            endpoint: scope.and_then(|scope| scope.endpoint.as_deref()),
            subject: alert.subject.as_ref().map(ToString::to_string),
            scenario: &self.scenario,
            run: &self.run,
            at: self.started.checked_add(since).and_then(|at| at.format(&Rfc3339).ok()),
            at_s: alert.at_ns as f64 / 1e9,
        };
        serde_json::to_string(&message).unwrap_or_default()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        if self.left_out > 0 {
            let count = crate::units::show_count_of(self.left_out, "alert");
            self.voice.say(&format!("warning: {count} found no room on the way to `alerting.webhook`"));
        }
    }
}

/// The sending, which goes on beside the run.
pub(super) struct Sending(JoinHandle<()>, Voice);

impl Sending {
    /// Waits a little for what is on its way; the outbox is gone by then.
    pub(super) async fn finish(mut self) {
        if timeout(AT_THE_END, &mut self.0).await.is_err() {
            self.0.abort();
            self.1.say("warning: alerts that are still on their way to `alerting.webhook` are given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_have_a_query_and_says_nothing_of_itself_where_it_is_none() {
        let url = address("https://Hooks.example.org/invoke?sig=abc").expect("a URL");
        assert_eq!(url.as_str(), "https://hooks.example.org/invoke?sig=abc");
        assert_eq!(url.origin().ascii_serialization(), "https://hooks.example.org");
        for (text, says) in [
            ("hooks-secret", "no URL of HTTP"),
            ("ftp://hooks-secret/", "no URL of HTTP"),
            ("http://", "no URL of HTTP"),
            ("https://user:hooks-secret@example.org/", "a user or a password"),
        ] {
            let why = address(text).expect_err(text).to_string();
            assert!(why.contains(says) && !why.contains("hooks-secret"), "{text}: {why}");
        }
    }

    #[tokio::test]
    async fn where_it_goes_is_found_whatever_path_and_query_say() {
        let url = address("http://127.0.0.1:9/invoke?sig=abc").expect("a URL");
        assert!(connect(&url).await.is_ok());
    }
}
