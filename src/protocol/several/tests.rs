//! Answers to several prompts, as servers send them.

use crate::{
    catalog::Protocol,
    protocol::{Answer, Answered, Dialect, Ending, Flow},
    record::{Outcome, TokenSource},
};

/// The answer to three prompts, one event per read at 10, 20, 30, …, that HTTP ends at 1000.
fn stream(events: &[&str]) -> Answered {
    let mut answer =
        Answer::new(&Dialect::of(Protocol::OpenaiCompletions, None), 200, Some("text/event-stream"))
            .to_prompts(3);
    for (event, arrival_ns) in events.iter().zip((1..).map(|n| n * 10)) {
        if answer.read_at(format!("data: {event}\n\n").as_bytes(), arrival_ns) == Flow::Done {
            break;
        }
    }
    answer.end(1000, Ending::EndOfStream)
}

fn whole(document: &str) -> Answered {
    let mut answer =
        Answer::new(&Dialect::of(Protocol::OpenaiCompletions, None), 200, Some("application/json"))
            .to_prompts(3);
    answer.read_at(document.as_bytes(), 10);
    answer.end(1000, Ending::EndOfStream)
}

fn token(index: u32) -> String {
    format!(r#"{{"choices":[{{"index":{index},"text":"a","finish_reason":null}}]}}"#)
}

fn finish(index: u32) -> String {
    format!(r#"{{"choices":[{{"index":{index},"text":"","finish_reason":"length"}}]}}"#)
}

/// The last chunk of a prompt as llama.cpp sends it, with the counts of this prompt alone.
fn finish_with_usage(index: u32, tokens: u32) -> String {
    format!(
        r#"{{"choices":[{{"index":{index},"text":"","finish_reason":"length"}}],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens}}},"timings":{{"predicted_n":{tokens}}}}}"#
    )
}

const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":7}}"#;
const DONE: &str = "[DONE]";

/// Runs of texts as the `&str` that [`stream`] takes.
fn all(events: &[String]) -> Vec<&str> {
    events.iter().map(String::as_str).collect()
}

#[test]
fn interleaved_answers_are_one_answer() {
    let events =
        [token(1), token(0), token(1), token(2), token(0), finish(1), token(2), finish(0), finish(2)];
    let mut events = all(&events);
    events.extend([USAGE, DONE]);
    let got = stream(&events);
    assert_eq!((got.outcome, got.error), (Outcome::Ok, None));
    assert_eq!((got.first_token_ns, got.last_token_ns, got.end_ns), (Some(10), Some(70), 110));
    // 10 to 30, 20 to 50 and 40 to 70
    assert_eq!(got.decode_ns, Some(20 + 30 + 30));
    assert_eq!((got.input_tokens, got.output_tokens), (Some(12), Some(7)));
    assert_eq!(got.chunks.len(), 6);
}

#[test]
fn counts_of_each_prompt_are_summed() {
    let events: Vec<String> = (0..3).map(token).chain((0..3).map(|i| finish_with_usage(i, 2 + i))).collect();
    let mut events = all(&events);
    // llama.cpp begins so
    events.insert(0, "null");
    events.push(DONE);
    let got = stream(&events);
    assert_eq!((got.outcome, got.error), (Outcome::Ok, None));
    assert_eq!((got.input_tokens, got.output_tokens), (Some(12), Some(2 + 3 + 4)));
    assert_eq!(got.token_source, TokenSource::Usage);
}

#[test]
fn counts_that_lack_a_prompt_count_nothing() {
    let events = [token(0), token(1), token(2), token(2), finish_with_usage(0, 9), finish(1), finish(2)];
    let mut events = all(&events);
    events.push(DONE);
    let got = stream(&events);
    assert_eq!((got.output_tokens, got.token_source), (Some(4), TokenSource::Chunks));
}

#[test]
fn several_choices_in_an_event_are_several_chunks_of_one_arrival() {
    let event = r#"{"choices":[{"index":0,"text":"a"},{"index":1,"text":"a"},{"index":2,"text":"a"}]}"#;
    let got = stream(&[event, event, DONE]);
    assert_eq!((got.outcome, got.chunks.at_ns), (Outcome::Ok, vec![10, 20]));
    assert_eq!((got.output_tokens, got.decode_ns), (Some(6), Some(30)));
}

#[test]
fn an_index_that_is_missing_truncates_the_answer() {
    let (one, two) = ([token(0), finish(0)], [token(0), token(2), finish(0), finish(2)]);
    for (events, error) in [
        (all(&one), "the answer ended without indices 1, 2 of 3 prompts"),
        (all(&two), "the answer ended without index 1 of 3 prompts"),
    ] {
        for terminal in [&[USAGE, DONE][..], &[]] {
            let got = stream(&[&events, terminal].concat());
            assert_eq!((got.outcome, got.error.as_deref()), (Outcome::Truncated, Some(error)));
        }
    }
}

#[test]
fn without_a_terminal_event_every_prompt_needs_its_finish_reason() {
    let events = [token(0), token(1), token(2), finish(0), finish(2)];
    let got = stream(&all(&events));
    let error = "the stream ended without `[DONE]` or a finish reason for index 1 of 3 prompts";
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::Truncated, Some(error)));
    let events = [token(0), token(1), token(2), finish(0), finish(2), finish(1)];
    assert_eq!(stream(&all(&events)).outcome, Outcome::Ok);
}

#[test]
fn one_prompt_without_output_is_an_answer_without_output() {
    let events = [token(0), token(1), finish(0), finish(1), finish(2)];
    let mut events = all(&events);
    events.push(DONE);
    let got = stream(&events);
    let error = "the answer has no output for index 2 of 3 prompts";
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::Empty, Some(error)));
}

#[test]
fn an_error_in_one_stays_what_it_is() {
    let (first, second) = (token(0), token(1));
    let got = stream(&[&first, &second, r#"{"error":{"message":"out of memory"}}"#]);
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::ErrorInStream, Some("out of memory")));
}

#[test]
fn an_answer_to_a_prompt_that_was_not_sent_is_malformed() {
    let event = token(3);
    let got = stream(&[&event]);
    assert_eq!(got.outcome, Outcome::Malformed);
    let error = got.error.expect("an error");
    assert!(error.ends_with("a choice has the index 3, and there were 3 prompts"), "{error}");
}

#[test]
fn a_whole_answer_has_a_choice_for_each_prompt() {
    let choices = |count: u32| -> String {
        let choices = (0..count).map(|i| format!(r#"{{"index":{i},"text":"a b","finish_reason":"stop"}}"#));
        choices.collect::<Vec<_>>().join(",")
    };
    let usage = r#""usage":{"prompt_tokens":12,"completion_tokens":6}"#;
    let got = whole(&format!(r#"{{"choices":[{}],{usage}}}"#, choices(3)));
    assert_eq!((got.outcome, got.output_tokens, got.decode_ns), (Outcome::Ok, Some(6), None));

    let got = whole(&format!(r#"{{"choices":[{}],{usage}}}"#, choices(2)));
    let error = "the answer ended without index 2 of 3 prompts";
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::Truncated, Some(error)));

    // llama.cpp counts the first prompt only; better no number than a third of it
    let got = whole(&format!(r#"{{"choices":[{}],{usage},"timings":{{"predicted_n":6}}}}"#, choices(3)));
    assert_eq!((got.outcome, got.output_tokens, got.token_source), (Outcome::Ok, None, TokenSource::None));
}

#[test]
fn a_refusal_says_how_many_prompts_there_were() {
    let mut answer =
        Answer::new(&Dialect::of(Protocol::OpenaiCompletions, None), 400, Some("application/json"))
            .to_prompts(3);
    answer.read_at(br#"{"error":{"message":"prompt must be a string"}}"#, 10);
    let got = answer.end(1000, Ending::EndOfStream);
    let error = "status 400: prompt must be a string (to a request of 3 prompts)";
    assert_eq!((got.outcome, got.error.as_deref()), (Outcome::HttpError, Some(error)));
}
