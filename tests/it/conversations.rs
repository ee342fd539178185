//! Conversations: each turn carries what was said before, as it was said, and waits for the answer before it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    kit::Bench,
    server::{After, Out, Request, Server},
};

/// What the server says to so many messages; `None` where it fails. Anybody can work it out again.
fn answer(messages: &[Value]) -> Option<String> {
    let last = messages.last()?["content"].as_str()?;
    let fails = messages.len() > 1 && last.len() % 5 == 0;
    (!fails)
        .then(|| format!("I heard {} messages, \"{}\"\n\u{e9}", messages.len(), &last[..last.len().min(12)]))
}

fn chat(request: &Request, out: &mut Out<'_>) -> After {
    let Some(answer) = answer(request.body["messages"].as_array().unwrap()) else {
        out.answer("500 Internal Server Error", "application/json", r#"{"error":{"message":"no"}}"#);
        return After::KeepOpen;
    };
    out.stream_head();
    // what is thought is not said
    out.event(
        &json!({"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "hm"}}]})
            .to_string(),
    );
    for piece in answer.split_inclusive(' ') {
        out.event(&json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string());
    }
    out.event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string());
    out.event("[DONE]");
    out.end_chunks();
    After::KeepOpen
}

const SCENARIO: &str = r#"
    version = 1
    name = "talk"
    [endpoints.one]
    url = "URL"
    [endpoints.other]
    url = "URL"
    [workloads.talk.conversation]
    turns = 4
    prompt_tokens.uniform = { min = 5, max = 30 }
    output_tokens = 16
    think_time = "20ms"
    [phases.load]
    requests = 42
    load.closed = { users = 3 }
"#;

#[test]
fn what_was_said_is_sent_again_as_it_was_said() {
    let server = Server::start(chat);
    let bench = Bench::new();
    let file = bench.file("talk.toml", &SCENARIO.replace("URL", &server.url()));
    bench.run(&["run", &file]);
    let records = bench.only_run().records();
    assert_eq!(records.len(), 42);
    let served = server.served();
    assert_eq!(served.len(), 42);
    let (mut heard, mut failed) = (0, 0);
    for request in &served {
        let messages = request.request.body["messages"].as_array().unwrap();
        failed += usize::from(answer(messages).is_none());
        assert_eq!(messages.len() % 2, 1);
        for (place, message) in messages.iter().enumerate() {
            let role = if place % 2 == 0 { "user" } else { "assistant" };
            assert_eq!(message["role"], role);
            if role == "assistant" {
                assert_eq!(
                    message["content"].as_str(),
                    answer(&messages[..place]).as_deref(),
                    "{messages:?}"
                );
                heard += 1;
            }
        }
    }
    assert!(heard > 20 && failed > 0, "{heard} {failed}");
    // ten whole conversations and half of one
    let mut conversations: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for record in &records {
        conversations.entry(record["conversation"].as_u64().unwrap()).or_default().push(record);
    }
    assert_eq!(conversations.values().map(Vec::len).collect::<Vec<_>>(), [[4; 10].as_slice(), &[2]].concat());
    for (first, mut turns) in conversations {
        turns.sort_by_key(|record| record["turn"].as_u64());
        for (place, record) in (0u64..).zip(&turns) {
            assert_eq!((record["turn"].as_u64(), record["seq"].as_u64()), (Some(place), Some(first + place)));
            assert_eq!(record["endpoint"], turns[0]["endpoint"], "a conversation stays where it began");
        }
        for pair in turns.windows(2) {
            let (end, due) = (pair[0]["end_ns"].as_u64().unwrap(), pair[1]["due_ns"].as_u64().unwrap());
            assert!(due >= end + 20_000_000, "turns overlap: {end} {due}");
        }
    }
    let endpoints: std::collections::BTreeSet<_> =
        records.iter().map(|record| record["endpoint"].to_string()).collect();
    assert_eq!(endpoints.len(), 2);
}

/// What each request says in its last message, by its number, which the end of its id is.
fn said(server: &Server) -> BTreeMap<u64, String> {
    let of = |request: &Request| {
        let id = request.headers.iter().find(|(name, _)| name == "x-request-id").unwrap().1.clone();
        let messages = request.body["messages"].as_array().unwrap();
        (id.rsplit('-').next().unwrap().parse().unwrap(), messages.last().unwrap()["content"].to_string())
    };
    server.served().iter().map(|served| of(&served.request)).collect()
}

#[test]
fn what_a_user_says_follows_from_the_seed_and_the_number() {
    let bench = Bench::new();
    let mut all = Vec::new();
    for (users, threads) in [(3, 1), (1, 1), (6, 2)] {
        let server = Server::start(chat);
        let text = SCENARIO.replace("URL", &server.url()).replace("users = 3", &format!("users = {users}"));
        let file = bench.file("talk.toml", &text);
        let threads = format!("run.threads={threads}");
        bench.run(&["run", &file, "--set", &threads, "--set", "workloads.talk.conversation.think_time=0"]);
        all.push(said(&server));
    }
    assert_eq!(all[0].len(), 42);
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}
