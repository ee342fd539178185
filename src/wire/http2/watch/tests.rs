//! What a watch makes of frames, however the bytes are split.

use proptest::prelude::*;

use super::*;

const PADDED: u8 = 0x8;
const END_STREAM: u8 = 0x1;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn data(stream: u32, body: &str) -> Vec<u8> {
    frame(kind::DATA, 0, stream, body.as_bytes())
}

fn padded(stream: u32, body: &str, padding: u8) -> Vec<u8> {
    let payload = [&[padding], body.as_bytes(), &vec![0; usize::from(padding)]].concat();
    frame(kind::DATA, PADDED, stream, &payload)
}

fn arrival(at_ns: u64) -> Arrival {
    Arrival { at_ns, after_ns: at_ns - 1, read_ns: at_ns, source: ClockSource::Kernel, exact: true }
}

/// A watch of streams 1 and 3 that has seen these reads, at 10, 20, …
fn seen(reads: &[Vec<u8>]) -> Watch {
    let mut watch = Watch::new();
    watch.register(1);
    watch.register(3);
    for (read, bytes) in reads.iter().enumerate() {
        watch.arrived(bytes, arrival(10 * (read as u64 + 1)));
    }
    watch
}

/// All that arrived of a stream: bytes, when, and whether they end their read.
fn all(watch: &mut Watch, stream: u32) -> Vec<(usize, u64, bool)> {
    std::iter::from_fn(|| watch.take(stream, usize::MAX))
        .map(|stretch| (stretch.bytes, stretch.arrival.at_ns, stretch.ends_read))
        .collect()
}

#[test]
fn bytes_have_the_arrival_of_the_read_that_brought_them() {
    let mut split = data(1, "abcdef");
    let rest = split.split_off(9 + 4);
    let mut watch = seen(&[split, [rest, data(1, "gh"), data(3, "x")].concat(), data(3, "yz")]);
    // bytes of one frame that came with two reads, and of two frames that came with one
    assert_eq!(all(&mut watch, 1), [(4, 10, true), (4, 20, false)]);
    assert_eq!(all(&mut watch, 3), [(1, 20, true), (2, 30, true)]);
    let mut timing = Timing::default();
    watch.tell(1, &mut timing);
    assert_eq!((timing.reads, timing.first_byte_ns, timing.clock), (2, Some(10), ClockSource::Kernel));
}

#[test]
fn only_the_last_bytes_of_a_read_that_could_carry_an_event_end_it() {
    let body = || data(1, "a");
    for (behind, ends_read) in [
        (vec![], true),
        // what ends a body carries no event
        (frame(kind::DATA, END_STREAM, 1, b""), true),
        (frame(kind::HEADERS, END_STREAM, 1, b"trailers"), true),
        ([frame(kind::HEADERS, 0, 1, b"t"), frame(kind::CONTINUATION, 0, 1, b"t")].concat(), true),
        // the time of the read is that of what came last
        (frame(kind::HEADERS, 0, 3, b"head"), false),
        (data(3, "b"), false),
        (frame(PING, 0, 0, &[0; 8]), false),
        (frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]), false),
        // of which stream this is the header of a frame nobody knows yet
        (body()[..5].to_vec(), false),
    ] {
        let mut watch = seen(&[[body(), behind.clone()].concat()]);
        assert_eq!(all(&mut watch, 1), [(1, 10, ends_read)], "{behind:?}");
    }
}

#[test]
fn padding_and_empty_frames_are_no_bytes_of_a_body() {
    let mut watch = seen(&[
        padded(1, "abc", 200),
        padded(1, "", 5),
        data(1, ""),
        // longer padding than its frame: an error, which is not this one's to tell
        frame(kind::DATA, PADDED, 1, &[9, 1, 2]),
        frame(kind::DATA, PADDED, 1, &[]),
        data(1, "d"),
    ]);
    assert_eq!(all(&mut watch, 1), [(3, 10, true), (1, 60, true)]);
}

#[test]
fn bytes_are_taken_in_any_portions() {
    let mut watch = seen(&[data(1, "abcd"), data(1, "e")]);
    let taken: Vec<_> = [3, 3, 3, 3].iter().map(|bytes| watch.take(1, *bytes)).collect();
    let taken: Vec<_> =
        taken.into_iter().map(|one| one.map(|one| (one.bytes, one.arrival.at_ns, one.ends_read))).collect();
    assert_eq!(taken, [Some((3, 10, false)), Some((1, 10, true)), Some((1, 20, true)), None]);
}

#[test]
fn streams_that_nobody_registered_leave_nothing() {
    let mut watch = seen(&[[data(5, "a"), frame(kind::HEADERS, 0, 7, b"x")].concat()]);
    assert_eq!(watch.streams.len(), 2);
    watch.forget(1);
    watch.arrived(&data(1, "late"), arrival(50));
    assert!(watch.take(1, 9).is_none() && watch.streams.len() == 1);
}

#[test]
fn settings_and_the_end_of_a_connection_are_noticed() {
    let ack = || frame(kind::SETTINGS, 1, 0, b"");
    let settings = || frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]);
    for (reads, settled, leaving) in [
        (vec![ack()], false, false),
        (vec![settings()[..12].to_vec()], false, false),
        (vec![settings()[..12].to_vec(), settings()[12..].to_vec()], true, false),
        (vec![frame(kind::SETTINGS, 0, 0, b"")], true, false),
        (vec![frame(kind::GOAWAY, 0, 0, &[0; 8])], false, true),
    ] {
        let watch = seen(&reads);
        assert_eq!((watch.is_settled(), watch.is_leaving()), (settled, leaving), "{reads:?}");
    }
}

#[test]
fn a_request_is_sent_when_its_head_is_written() {
    let mut watch = seen(&[]);
    let mark = Arc::new(Mark::default());
    watch.show(3, &mark);
    watch.written(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", 1);
    let settings = frame(kind::SETTINGS, 0, 0, &[0; 6]);
    watch.written(&[b"\n".to_vec(), settings, frame(kind::HEADERS, 4, 1, b"h")].concat(), 2);
    watch.written(&[data(1, "body"), frame(kind::HEADERS, 4, 3, b"h")].concat(), 3);
    let sent = |stream| {
        let mut timing = Timing::default();
        watch.tell(stream, &mut timing);
        timing.sent_ns
    };
    assert_eq!((sent(1), sent(3), mark.get()), (Some(2), Some(3), Some(3)));
}

proptest! {
    #[test]
    fn any_splitting_gives_each_byte_the_read_that_brought_it(
        frames in proptest::collection::vec((0u8..6, 1u32..3, 0usize..60, 0u8..9), 1..12),
        cuts in proptest::collection::vec(0usize..900, 0..20),
    ) {
        let (mut bytes, mut owners) = (Vec::new(), Vec::new());
        for (what, stream, length, padding) in frames {
            let stream = 2 * stream - 1;
            let body = "b".repeat(length);
            let (made, before, behind) = match what {
                0..=2 => (data(stream, &body), 9, 0),
                3 => (padded(stream, &body, padding), 10, usize::from(padding)),
                4 => (frame(kind::HEADERS, 4, stream, body.as_bytes()), 9 + length, 0),
                _ => (frame(PING, 0, 0, &[0; 8]), 17, 0),
            };
            let content = made.len() - before - behind;
            owners.extend(vec![None; before]);
            owners.extend(vec![Some(stream); content]);
            owners.extend(vec![None; behind]);
            bytes.extend(made);
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let reads: Vec<Vec<u8>> = cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect();
        let mut watch = seen(&reads);
        for stream in [1, 3] {
            let expected = cuts.windows(2).enumerate().flat_map(|(read, cut)| {
                let own = owners[cut[0]..cut[1]].iter().filter(|owner| **owner == Some(stream)).count();
                vec![10 * (read as u64 + 1); own]
            });
            let told = all(&mut watch, stream).into_iter().flat_map(|(bytes, at_ns, _)| vec![at_ns; bytes]);
            prop_assert!(told.eq(expected));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(reads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let mut watch = seen(&reads);
        for bytes in &reads {
            watch.written(bytes, 1);
        }
    }
}

#[test]
fn a_connection_that_says_nothing_to_two_requests_carries_no_more() {
    let send = |watch: &mut Watch, stream: u32| {
        watch.register(stream);
        watch.written(&frame(kind::HEADERS, END_STREAM, stream, b""), 10);
    };
    let begun = || {
        let mut watch = Watch::new();
        watch.written(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0);
        watch
    };
    let mut watch = begun();
    send(&mut watch, 1);
    watch.forget(1);
    assert!(!watch.is_leaving(), "one may have been given up soon");
    send(&mut watch, 3);
    watch.arrived(&frame(PING, 0, 0, &[0; 8]), arrival(20));
    watch.forget(3);
    send(&mut watch, 5);
    watch.forget(5);
    assert!(!watch.is_leaving(), "it was heard of between them");
    send(&mut watch, 7);
    watch.forget(7);
    assert!(watch.is_leaving());
    // what never went out says nothing of the server
    let mut watch = begun();
    for stream in [1, 3, 5] {
        watch.register(stream);
        watch.forget(stream);
    }
    assert!(!watch.is_leaving());
}
