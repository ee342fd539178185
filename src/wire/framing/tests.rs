use proptest::prelude::*;

use super::*;

/// Events as `(event, data)`, from bytes pushed in these pieces.
fn events(framing: Framing, pieces: &[&[u8]]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the tests write UTF-8");
    let mut events = Vec::new();
    let mut framer = Framer::new(framing);
    let mut keep = |frame: Frame<'_>| {
        events.push((text(frame.event), text(frame.data)));
        ControlFlow::Continue(())
    };
    for piece in pieces {
        let flow = framer.push(piece, &mut keep).expect("within the limits");
        assert!(flow.is_continue());
    }
    if let Some(frame) = framer.rest() {
        let _ = keep(frame);
    }
    events
}

fn data(framing: Framing, pieces: &[&[u8]]) -> Vec<String> {
    events(framing, pieces).into_iter().map(|(_, data)| data).collect()
}

#[test]
fn the_content_type_chooses() {
    for (content_type, framing) in [
        ("text/event-stream", Some(Framing::Sse)),
        ("Text/Event-Stream; charset=utf-8", Some(Framing::Sse)),
        ("application/x-ndjson", Some(Framing::Ndjson)),
        ("application/jsonl", Some(Framing::Ndjson)),
        ("application/json; charset=utf-8", Some(Framing::Whole)),
        ("application/problem+json", Some(Framing::Whole)),
        ("text/plain", None),
        ("text/html", None),
        ("", None),
    ] {
        assert_eq!(Framing::of(content_type), framing, "{content_type}");
    }
}

#[test]
fn server_sent_events_as_the_standard_has_them() {
    for (bytes, expected) in [
        // line ends
        ("data: a\n\ndata: b\n\n", &["a", "b"][..]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
        ("data: a\r\rdata: b\r\r", &["a", "b"]),
        ("data: a\r\n\ndata: b\n\r\n", &["a", "b"]),
        // a byte order mark, and one that is none
        ("\u{feff}data: a\n\n", &["a"]),
        ("\u{feff}\u{feff}data: a\n\n", &[]),
        ("data: a\n\n\u{feff}data: b\n\n", &["a"]),
        ("\u{feff}\ndata: a\n\n", &["a"]),
        // comments
        (": keep-alive\n\ndata: a\n: between\n\n:\n\n", &["a"]),
        // spaces after the colon: one goes, more stay
        ("data:a\n\ndata:  b\n\n", &["a", " b"]),
        // several lines of data
        ("data: a\ndata: b\ndata:\ndata: c\n\n", &["a\nb\n\nc"]),
        ("data\n\ndata\ndata\n\ndata:", &["", "\n"]),
        // fields that mean nothing here
        ("id: 7\nretry: 100\ndata: a\nunknown: x\nnocolon\n\n", &["a"]),
        // fields that only look like data
        ("Data: a\n\n data: b\n\ndata : c\n\n", &[]),
        // the last event has no blank line
        ("data: a\n\ndata: b\n", &["a"]),
        ("data: a\n\ndata: b", &["a"]),
        ("", &[]),
    ] {
        assert_eq!(data(Framing::Sse, &[bytes.as_bytes()]), expected, "{bytes:?}");
    }
}

#[test]
fn an_event_has_the_name_given_last() {
    let stream = b"event: ping\n\nevent: x\nevent: error\ndata: 1\n\ndata: 2\n\n";
    let expected = [("error", "1"), ("", "2")].map(|(event, data)| (event.to_owned(), data.to_owned()));
    assert_eq!(events(Framing::Sse, &[stream]), expected);
}

#[test]
fn a_line_end_may_be_split() {
    assert_eq!(data(Framing::Sse, &[b"data: a\r", b"\n\r", b"\ndata: b\r", b"\n", b"\r\n"]), ["a", "b"]);
    // the event is complete at the CR: its arrival is not that of the LF
    let mut framer = Framer::new(Framing::Sse);
    let mut seen = 0;
    let _ = framer.push(b"data: a\r\n\r", &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((seen, framer.at_boundary()), (1, true));
}

#[test]
fn an_event_within_one_read_is_borrowed() {
    let read = b"data: a\n\nevent: x\ndata: b\n\n".as_slice();
    let mut framer = Framer::new(Framing::Sse);
    let flow = framer.push(read, &mut |frame| {
        assert!(read.as_ptr_range().contains(&frame.data.as_ptr()));
        ControlFlow::Continue(())
    });
    assert_eq!(flow, Ok(ControlFlow::Continue(())));
}

#[test]
fn the_sink_ends_the_reading() {
    for (framing, bytes) in [
        (Framing::Sse, &["data: 1\n\ndata: 2\n\ndata: 3\n\n"][..]),
        (Framing::Ndjson, &["1\n2\n3\n"]),
        (Framing::Ndjson, &["1", "\n", "2", "\n3\n"]),
    ] {
        let mut seen = Vec::new();
        let mut framer = Framer::new(framing);
        for bytes in bytes {
            let flow = framer.push(bytes.as_bytes(), &mut |frame| {
                seen.push(frame.data.to_vec());
                if frame.data == b"2" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if flow == Ok(ControlFlow::Break(())) {
                break;
            }
        }
        assert_eq!(seen, [b"1", b"2"], "{bytes:?}");
    }
}

#[test]
fn lines_of_json() {
    for (bytes, expected) in [
        ("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"][..]),
        ("{\"a\":1}\r\n\r\n\n  {\"b\":2}  \r\n", &["{\"a\":1}", "{\"b\":2}"]),
        // the rest is handed out, for the reader to tell whether it is whole
        ("1\n{\"cut", &["1", "{\"cut"]),
        ("\n\n", &[]),
    ] {
        assert_eq!(data(Framing::Ndjson, &[bytes.as_bytes()]), expected, "{bytes:?}");
    }
}

#[test]
fn a_document_comes_at_the_end() {
    assert_eq!(data(Framing::Whole, &[b" {\"a\":", b"1}\n"]), ["{\"a\":1}"]);
    assert_eq!(data(Framing::Whole, &[b"\n"]), [""; 0]);
}

#[test]
fn events_lines_and_documents_have_limits() {
    let mebibyte = vec![b'x'; MAX_EVENT];
    for (framing, start, error) in [
        (Framing::Sse, &b"data: "[..], FramingError::EventTooLarge),
        (Framing::Sse, b":", FramingError::EventTooLarge),
        (Framing::Ndjson, b"\"", FramingError::EventTooLarge),
    ] {
        let mut framer = Framer::new(framing);
        let sink = &mut |_: Frame<'_>| ControlFlow::Continue(());
        assert!(framer.push(start, sink).is_ok());
        assert_eq!(framer.push(&mebibyte, sink), Err(error));
        // and in one piece, with its end
        let mut whole = start.to_vec();
        whole.extend_from_slice(&mebibyte);
        whole.extend_from_slice(b"\n\n");
        assert_eq!(Framer::new(framing).push(&whole, sink), Err(error));
    }
    // many lines of one event
    let mut framer = Framer::new(Framing::Sse);
    let line = [b"data: ", &mebibyte[..MAX_EVENT / 4], b"\n"].concat();
    let sink = &mut |_: Frame<'_>| ControlFlow::Continue(());
    let pushes: Vec<bool> = (0..4).map(|_| framer.push(&line, sink).is_ok()).collect();
    assert_eq!(pushes, [true, true, true, false]);
    // a document
    let mut framer = Framer::new(Framing::Whole);
    let full = (0..100).take_while(|_| framer.push(&mebibyte, sink).is_ok()).count();
    assert_eq!(full, MAX_WHOLE / MAX_EVENT);
}

/// Streams out of the pieces that matter, in any order.
fn stream() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data: ",
        "data:",
        "data",
        "event: ",
        "event:error",
        "id: 1",
        ":",
        "x",
        "{\"a\":1}",
        "é",
        "🦀",
        "\u{feff}",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\n\r\n",
        "\r\r",
        "[DONE]",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_splitting_gives_the_same_events(
        text in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for framing in [Framing::Sse, Framing::Ndjson, Framing::Whole] {
            let whole = events(framing, &[text.as_bytes()]);
            prop_assert_eq!(&events(framing, &split(text.as_bytes(), &cuts)), &whole);
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            prop_assert_eq!(&events(framing, &bytes), &whole);
        }
    }

    /// Against the standard read plainly: normalise line ends, then go line by line.
    #[test]
    fn the_events_are_those_of_the_standard(text in stream()) {
        let plain = text.replace("\r\n", "\n").replace('\r', "\n");
        let plain = plain.strip_prefix('\u{feff}').unwrap_or(&plain);
        let mut expected = Vec::new();
        let (mut event, mut lines) = (String::new(), Vec::new());
        // what follows the last line end is no line
        let complete = plain.rsplit_once('\n').map_or("", |(complete, _)| complete);
        for line in complete.split('\n').filter(|_| plain.contains('\n')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                _ if line.is_empty() => {
                    if !lines.is_empty() {
                        expected.push((std::mem::take(&mut event), lines.join("\n")));
                    }
                    event.clear();
                    lines.clear();
                }
                "data" => lines.push(value),
                "event" => value.clone_into(&mut event),
                _ => {}
            }
        }
        prop_assert_eq!(events(Framing::Sse, &[text.as_bytes()]), expected);
    }
}
