use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn chunk_times_read_back_to_the_microsecond(
        requests in prop::collection::vec((any::<u64>(), prop::collection::vec(0u64..1 << 50, 1..20)), 0..20),
        cut in 0usize..200,
    ) {
        let mut bytes = Vec::new();
        let mut written = Vec::new();
        for (seq, mut times) in requests {
            times.sort_unstable();
            chunks::encode(seq, &times, &mut bytes);
            written.push((seq, times.iter().map(|t| t / 1000 * 1000).collect::<Vec<_>>(), bytes.len()));
        }
        // whatever a crash cuts off, the whole blocks before it are read and nothing else
        let kept = bytes.len().saturating_sub(cut);
        let mut input = &bytes[..kept];
        let mut times = Vec::new();
        for (seq, expected, end) in written {
            let read = chunks::decode(&mut input, &mut times).expect("no error in whole blocks");
            if end <= kept {
                prop_assert_eq!(read, Some(seq));
                prop_assert_eq!(&times, &expected);
            } else {
                prop_assert_eq!(read, None);
                break;
            }
        }
    }
}

#[test]
fn names_become_file_names() {
    for (name, file) in [
        ("mixed-traffic", "mixed-traffic"),
        ("a/b c", "a-b-c"),
        ("..", "run"),
        ("Größe", "Gr--e"),
        ("", "run"),
    ] {
        assert_eq!(file_name(name), file);
    }
}
