//! What a probe shows that matters to a load test, in plain words.

use http::header;

use crate::{
    engine::Probed,
    protocol::Meaning,
    record::{Outcome, TokenSource},
};

/// Fewer events with output than this say nothing about how a server groups them.
const FEW: u32 = 8;

/// Every warning about a server. `stream` is whether a stream was asked for, `models` what it lists.
pub(super) fn warnings(probed: &Probed, stream: bool, models: &Result<Vec<String>, String>) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |text: String| warnings.push(text);
    match models.as_deref() {
        Ok([_, ..]) => {}
        Ok([]) => warn("`GET /models` lists nothing: a scenario has to name the model".to_owned()),
        Err(instead) => {
            warn(format!("no list of models (`GET /models`: {instead}): a scenario has to name the model"));
        }
    }
    let header = |name| probed.headers.as_ref().and_then(|headers| headers.get(name)?.to_str().ok());
    if let Some(coding) = header(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        warn(format!(
            "the answer is compressed (`{coding}`), unasked: it is not read, and arrival times would be those of \
             the compressor"
        ));
    }
    let record = &probed.record;
    if probed.still_open == Some(false) {
        let said = header(header::CONNECTION).is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let how = match (said, record.http_version.as_deref()) {
            (true, _) => "as it said it would",
            (false, Some("1.0")) => "as HTTP/1.0 does",
            (false, _) => "although it had announced to keep it",
        };
        warn(format!(
            "the server closed the connection after the answer, {how}: each request of a load test opens a new one"
        ));
    }
    if record.outcome != Outcome::Ok {
        return warnings;
    }
    let whole = record.first_token_ns.is_none();
    if stream && whole {
        warn("a stream was asked for and a whole answer came: there is no time to first token".to_owned());
    }
    match (record.token_source, record.output_tokens) {
        (TokenSource::Chunks, _) => warn(
            "no `usage`: output tokens are counted by chunks, so tokens per second and time per token are right \
             only where each chunk is one token"
                .to_owned(),
        ),
        (TokenSource::Usage, Some(tokens)) if !whole && more_per_chunk(tokens, record.chunks) => warn(format!(
            "{tokens} tokens came in {} chunks: gaps between chunks (`itl`) are not gaps between tokens",
            record.chunks
        )),
        (TokenSource::None, _) if record.requested_output_tokens > 0 => warn("no `usage`: output tokens are not known".to_owned()),
        _ => {}
    }
    if let Some(tokens) = record.output_tokens.filter(|n| *n > u64::from(record.requested_output_tokens)) {
        warn(format!(
            "{tokens} output tokens came where {} were asked for: the server ignores `max_tokens`, so answers are \
             as long as it likes",
            record.requested_output_tokens
        ));
    }
    let first = probed.seen.iter().find_map(|seen| match &seen.meaning {
        Meaning::Document(carried) => Some(carried.contents),
        _ => None,
    });
    if !whole && first.is_some_and(|contents| contents.null_content && !contents.output()) {
        warn(
            "the first chunk has `\"content\": null`: it is no token here, but tools that count it report a time \
             to first token that is too short"
                .to_owned(),
        );
    }
    if !whole && !probed.seen.iter().any(|seen| seen.meaning == Meaning::Done) {
        warn("no `[DONE]`: the stream ends with a finish reason and its connection's word".to_owned());
    }
    if record.chunks >= FEW && record.stamps_exact * 2 < record.chunks {
        warn(format!(
            "only {} of {} events with output ended a read: the others came together with later ones, so the \
             gaps between them are not seen",
            record.stamps_exact, record.chunks
        ));
    }
    warnings
}

/// Whether there are more tokens than chunks; the end-of-text token has none of its own, and no server is blamed
/// for it.
fn more_per_chunk(tokens: u64, chunks: u32) -> bool {
    let chunks = u64::from(chunks);
    tokens > chunks + 1 && tokens * 10 > chunks * 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_that_ends_the_text_is_no_reason_to_warn() {
        for (tokens, chunks, more) in
            [(1, 1, false), (2, 1, false), (3, 1, true), (65, 64, false), (66, 64, false), (100, 50, true)]
        {
            assert_eq!(more_per_chunk(tokens, chunks), more, "{tokens} {chunks}");
        }
    }
}
