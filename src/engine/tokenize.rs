//! Whether a server makes as many tokens of a text as the tokenizer of its endpoint, where it can be asked.

use std::time::Duration;

use http::HeaderMap;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    config::Vocabulary,
    plan::PlannedEndpoint,
    units::show_count_of,
    workload::{Counter, SPECIMEN},
};

/// The route of llama.cpp and vLLM.
const ROUTE: &str = "/tokenize";

/// An endpoint whose tokenizer is compared with its server's.
pub(super) struct Comparison<'a> {
    pub(super) client: &'a Client,
    pub(super) endpoint: &'a PlannedEndpoint,
    /// Its base URL.
    pub(super) url: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// The model that requests name.
    pub(super) model: &'a str,
    pub(super) counter: &'a Counter,
    /// Longest that one answer may take.
    pub(super) limit: Duration,
}

impl Comparison<'_> {
    /// Asks the server for the tokens of a text with all kinds of characters. One that has no such route, or answers something
    /// else, is taken to count alike.
    ///
    /// # Errors
    ///
    /// Both counts where they differ, and the fix.
    pub(super) async fn make(&self) -> Result<(), String> {
        let Some(tokenizer) = &self.endpoint.tokenizer else { return Ok(()) };
        // the API's version is none of this route's
        let root = self.url.strip_suffix("/v1").unwrap_or(self.url);
        let url = format!("{root}{ROUTE}");
        let Some(theirs) = self.ask(&url).await else { return Ok(()) };
        let ours = u64::from(self.counter.count(SPECIMEN));
        if ours == theirs {
            return Ok(());
        }
        let name = &self.endpoint.name;
        let what = match &tokenizer.vocabulary {
            Vocabulary::File(path) => path,
            Vocabulary::Encoding(encoding) => encoding.name(),
        };
        Err(format!(
            "`{what}` makes {} of a text of which the server makes {theirs} (`POST {url}`), so it is not the tokenizer of `{}`\n  \
             help: set `endpoints.{name}.tokenizer` to the `tokenizer.json` of the model that the server has, or remove it for an \
             estimate",
            show_count_of(ours, "token"),
            self.model,
        ))
    }

    /// How many tokens the server says that there are. Each of the two kinds of server is asked in its own words, since one
    /// counts none where it does not find the text.
    async fn ask(&self, url: &str) -> Option<u64> {
        let questions = [
            json!({ "content": SPECIMEN, "add_special": false }),
            json!({ "model": self.model, "prompt": SPECIMEN, "add_special_tokens": false }),
        ];
        for question in questions {
            let request =
                self.client.post(url).headers(self.headers.clone()).timeout(self.limit).json(&question);
            let Ok(answer) = request.send().await else { return None };
            if let Ok(answer) = answer.json::<Value>().await
                && let Some(count) = tokens_in(&answer)
            {
                return Some(count);
            }
        }
        None
    }
}

/// The number of tokens that an answer is about.
fn tokens_in(answer: &Value) -> Option<u64> {
    let listed = || Some(answer.get("tokens")?.as_array()?.len() as u64);
    answer.get("count").and_then(Value::as_u64).or_else(listed).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_of_tokens_is_one() {
        for (answer, count) in [
            (json!({ "tokens": [1, 2, 3] }), Some(3)),
            (json!({ "count": 4, "max_model_len": 100, "tokens": [1, 2, 3, 4] }), Some(4)),
            (json!({ "tokens": [{ "id": 1, "piece": "a" }] }), Some(1)),
            (json!({ "tokens": [] }), None),
            (json!({ "count": 0 }), None),
            (json!({ "error": "no such route" }), None),
            (json!({ "count": "4" }), None),
            (json!([[1, 2]]), None),
        ] {
            assert_eq!(tokens_in(&answer), count, "{answer}");
        }
    }
}
