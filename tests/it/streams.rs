//! Every awkward answer in `tests/streams` comes to the account beside it, however its bytes are split.

mod differential;
mod play;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rand::{RngExt as _, SeedableRng as _};
use scenario::wire::Limits;

use self::play::{Player, byte_by_byte, protocol_of, read, split};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams")
}

/// Name and bytes of every answer in the corpus, in order.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn every_answer_is_described() {
    let files: BTreeSet<String> = corpus().into_iter().map(|(name, _)| name).collect();
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let lines: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let described: BTreeSet<String> = lines.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(files, described, "the files are those of the page");
    assert_eq!(lines.len(), described.len(), "none twice");
    assert!(files.len() >= 30, "only {} files", files.len());
}

#[tokio::test]
async fn every_answer_comes_to_its_account_however_it_is_split() {
    const SPLITS: u64 = 4;
    let player = Player::start();
    for (name, bytes) in corpus() {
        let protocol = protocol_of(&name);
        player.put([bytes.as_slice()]);
        let whole = read(&player.pool(), Some(protocol), Limits::default()).await;

        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let head = whole.head.as_ref().map_or("no head".to_owned(), |(status, version, content_type)| {
            format!("http/{version} {status}, {}", content_type.as_deref().unwrap_or("no content type"))
        });
        settings.bind(|| insta::assert_snapshot!(name.as_str(), format!("{head}\n{}", whole.account)));

        if let Some(account) = byte_by_byte(&whole, protocol) {
            assert_eq!(account, whole.account, "{name}, the body byte by byte");
        }
        player.put(bytes.chunks(1));
        let single = read(&player.pool(), Some(protocol), Limits::default()).await;
        assert_eq!((&single.head, &single.account), (&whole.head, &whole.account), "{name}, byte by byte");
        for seed in 0..SPLITS {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let cuts: Vec<usize> = (0..8).map(|_| random.random_range(0..=bytes.len())).collect();
            player.put(split(&bytes, &cuts));
            let cut = read(&player.pool(), Some(protocol), Limits::default()).await;
            assert_eq!((&cut.head, &cut.account), (&whole.head, &whole.account), "{name}, cut at {cuts:?}");
        }
    }
}
