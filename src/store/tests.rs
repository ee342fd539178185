use proptest::prelude::*;

use super::*;
use crate::record::ChunkTimes;

proptest! {
    #[test]
    fn chunk_times_read_back_to_the_microsecond(
        requests in prop::collection::vec((any::<u64>(), prop::collection::vec((0u64..1 << 50, 0u32..u32::MAX - 1000), 1..20)), 0..20),
        cut in 0usize..200,
    ) {
        let mut bytes = Vec::new();
        let mut written = Vec::new();
        for (seq, mut times) in requests {
            times.sort_unstable();
            let (at_ns, width_ns): (Vec<u64>, Vec<u32>) = times.into_iter().unzip();
            let times = ChunkTimes { at_ns, width_ns };
            chunks::encode(seq, &times, &mut bytes);
            let kept = ChunkTimes {
                at_ns: times.at_ns.iter().map(|t| t / 1000 * 1000).collect(),
                width_ns: times.width_ns.iter().map(|t| t.div_ceil(1000) * 1000).collect(),
            };
            written.push((seq, kept, bytes.len()));
        }
        // whatever a crash cuts off, the whole blocks before it are read and nothing else
        let kept = bytes.len().saturating_sub(cut);
        let mut input = &bytes[..kept];
        let mut times = ChunkTimes::default();
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

#[test]
fn a_file_that_somebody_else_changed_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.yaml");
    fs::write(&file, "max: 9\n").expect("a file");
    let error = rewrite(&file, "max: 8\n", "max: 16\n").expect_err("it says something else").to_string();
    assert!(error.ends_with("somebody else changed it in the meantime"), "{error}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), "max: 9\n");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}
