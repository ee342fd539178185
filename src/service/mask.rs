//! What a service says, without secrets.

use std::mem;

/// Shortest line of a secret of several lines that is masked also where it stands alone, as behind the time of a logger.
const LINE: usize = 8;

/// What stands for a secret.
const STARS: &[u8] = b"***";

/// Masks secrets in a text that comes in pieces, wherever it is cut. What may be the beginning of a secret is held back until
/// it is seen how it goes on. Secrets that overlap are masked together.
pub(super) struct Mask {
    secrets: Vec<Vec<u8>>,
    longest: usize,
    /// What is held back.
    held: Vec<u8>,
    /// Bytes at its beginning that are known to belong to a secret.
    covered: usize,
    /// Whether what was given out last stands for a secret, which then goes on with the covered bytes.
    inside: bool,
}

impl Mask {
    pub(super) fn new(secrets: &[String]) -> Self {
        let whole = secrets.iter().map(String::as_str);
        let several = secrets.iter().filter(|secret| secret.contains('\n')).flat_map(|secret| secret.lines());
        let lines = several.map(str::trim).filter(|line| line.len() >= LINE);
        let mut secrets: Vec<Vec<u8>> = whole
            .chain(lines)
            .filter(|secret| !secret.is_empty())
            .map(|secret| secret.as_bytes().to_vec())
            .collect();
        secrets.sort();
        secrets.dedup();
        let longest = secrets.iter().map(Vec::len).max().unwrap_or(0);
        Self { secrets, longest, held: Vec::new(), covered: 0, inside: false }
    }

    /// Takes the next piece, and gives what can be shown by now.
    pub(super) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let from = (self.held.len() + 1).saturating_sub(self.longest);
        let begins = |tail: &[u8]| {
            self.secrets.iter().any(|secret| secret.len() > tail.len() && secret.starts_with(tail))
        };
        let cut = (from..self.held.len()).find(|at| begins(&self.held[*at..]));
        self.show(cut.unwrap_or(self.held.len()))
    }

    /// What was held back, once nothing follows.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.show(self.held.len())
    }

    /// Gives out what stands before a place behind which no secret begins that is not whole.
    fn show(&mut self, cut: usize) -> Vec<u8> {
        let mut secret = vec![false; self.held.len()];
        secret[..self.covered].fill(true);
        for text in &self.secrets {
            for at in memchr::memmem::find_iter(&self.held, &text[..1]) {
                if self.held[at..].starts_with(text) {
                    secret[at..at + text.len()].fill(true);
                }
            }
        }
        let mut shown = Vec::new();
        for (byte, secret) in self.held.iter().zip(&secret).take(cut) {
            match (*secret, mem::replace(&mut self.inside, *secret)) {
                (true, false) => shown.extend_from_slice(STARS),
                (true, true) => {}
                (false, _) => shown.push(*byte),
            }
        }
        self.held.drain(..cut);
        // secrets that begin behind the cut are found again
        let known = secret[cut..].iter().take_while(|secret| **secret).count();
        self.covered = if self.inside { known } else { 0 };
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(pieces: &[&str], secrets: &[&str]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut mask = Mask::new(&secrets);
        let mut shown: Vec<u8> = pieces.iter().flat_map(|piece| mask.pass(piece.as_bytes())).collect();
        shown.extend(mask.rest());
        String::from_utf8(shown).expect("whole characters")
    }

    const PEM: &str = "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----";

    /// Texts, what is secret in them, and what may be shown.
    const CASES: [(&str, &[&str], &str); 12] = [
        ("a key-1 and key-1, key-1\n", &["key-1", "", "***"], "a *** and ***, ***\n"),
        ("key-2 key-", &["key-1"], "key-2 key-"),
        ("key-1", &["key-1"], "***"),
        ("", &["key-1"], ""),
        ("nothing", &[], "nothing"),
        ("an abcdef, an abc and an abcde\n", &["abc", "abcdef"], "an ***, an *** and an ***de\n"),
        ("an abcdef, an abc and an abcde\n", &["abcdef", "abc"], "an ***, an *** and an ***de\n"),
        ("an abcdef\n", &["abcd", "cdef"], "an ***\n"),
        ("aaaaaaaaa aa\n", &["aaaa"], "*** aa\n"),
        (
            "key:\n-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\nup\n",
            &[PEM],
            "key:\n***\nup\n",
        ),
        ("1 s: MIIEvQIBADAN\n2 s: BgkqhkiG9w0B\n", &[PEM], "1 s: ***\n2 s: ***\n"),
        ("ein Schlüssel: süß-süß!\n", &["süß-süß"], "ein Schlüssel: ***!\n"),
    ];

    #[test]
    fn secrets_are_masked_wherever_a_text_is_cut() {
        for (text, secrets, shown) in CASES {
            assert_eq!(masked(&[text], secrets), shown, "{text}");
            let places = || text.char_indices().map(|(at, _)| at);
            for one in places() {
                assert_eq!(masked(&[&text[..one], &text[one..]], secrets), shown, "{text} cut at {one}");
                for other in places().filter(|other| *other > one) {
                    let pieces = [&text[..one], &text[one..other], &text[other..]];
                    assert_eq!(masked(&pieces, secrets), shown, "{text} cut at {one} and {other}");
                }
            }
            let single: Vec<&str> = text.split_inclusive(|_| true).collect();
            assert_eq!(masked(&single, secrets), shown, "{text} in single characters");
        }
    }

    #[test]
    fn only_what_may_be_a_secret_is_held_back() {
        let mut mask = Mask::new(&["key-1".to_owned()]);
        assert_eq!(mask.pass(b"the key is here\nke"), b"the key is here\n");
        assert_eq!(mask.pass(b"ep, key-1"), b"keep, ***");
        assert_eq!(mask.rest(), b"");
    }
}
