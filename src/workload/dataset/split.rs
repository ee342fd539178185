//! Where rows end, found without reading what is in them.

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr};

use crate::config::DataFormat;

/// Finds the ends of rows in bytes that come one after another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Splitter {
    Lines,
    Csv(Csv),
    Elements(Elements),
}

/// Where in a record of CSV one is, as the `csv` crate sees it: a quote opens a field only at its very start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Csv {
    /// Before a field.
    #[default]
    Start,
    /// In a field without quotes, or behind the quotes of one.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that closes, or is the first of two.
    Closing,
}

/// Where among the elements of a JSON array one is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Elements {
    depth: u32,
    text: Text,
    array: Array,
}

/// Whether one is within a text of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash in it.
    Escaped,
}

/// How far the array has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Array {
    #[default]
    Open,
    /// Behind the bracket that closes it.
    Closed,
    /// There is more behind that.
    Followed,
}

/// Which end is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    First,
    Last,
}

impl Splitter {
    /// For the rows of a format; conversations are elements of an array.
    pub(super) fn new(format: DataFormat) -> Self {
        match format {
            DataFormat::Jsonl | DataFormat::Lines => Self::Lines,
            DataFormat::Csv => Self::Csv(Csv::default()),
            DataFormat::Sharegpt => Self::Elements(Elements::default()),
        }
    }

    /// Takes the next bytes; gives the place behind the last row that ends in them.
    pub(super) fn last_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Lines => memrchr(b'\n', bytes).map(|at| at + 1),
            Self::Csv(csv) => csv.advance(bytes, Wanted::Last),
            Self::Elements(elements) => elements.advance(bytes, Wanted::Last),
        }
    }

    /// The place behind the row with which the bytes begin; `None` where it does not end in them.
    pub(super) fn first_end(mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self {
            Self::Lines => memchr(b'\n', bytes).map(|at| at + 1),
            Self::Csv(csv) => csv.advance(bytes, Wanted::First),
            Self::Elements(elements) => elements.advance(bytes, Wanted::First),
        }
    }

    /// What is wrong with the end of the file, if anything.
    pub(super) fn at_end(self) -> Option<&'static str> {
        match self {
            Self::Csv(Csv::Quoted) => Some("a field that opens with `\"` is never closed"),
            Self::Elements(Elements { array: Array::Open, .. }) => Some("its array is never closed"),
            Self::Elements(Elements { array: Array::Followed, .. }) => Some("there is more behind its array"),
            _ => None,
        }
    }
}

impl Csv {
    fn advance(&mut self, bytes: &[u8], wanted: Wanted) -> Option<usize> {
        let (mut at, mut end) = (0, None);
        while at < bytes.len() {
            let found = match self {
                Self::Plain => memchr3(b',', b'\n', b'\r', &bytes[at..]),
                Self::Quoted => memchr(b'"', &bytes[at..]),
                Self::Start | Self::Closing => Some(0),
            };
            let Some(found) = found else { break };
            at += found + 1;
            *self = match (&self, bytes[at - 1]) {
                (Self::Quoted, _) => Self::Closing,
                (Self::Start | Self::Closing, b'"') => Self::Quoted,
                (_, b',') => Self::Start,
                (_, b'\n' | b'\r') => {
                    end = Some(at);
                    Self::Start
                }
                _ => Self::Plain,
            };
            if wanted == Wanted::First && end.is_some() {
                break;
            }
        }
        end
    }
}

impl Elements {
    fn advance(&mut self, bytes: &[u8], wanted: Wanted) -> Option<usize> {
        let (mut at, mut end) = (0, None);
        while at < bytes.len() {
            match self.text {
                Text::Outside => {}
                Text::Inside => {
                    let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) else { break };
                    at += found + 1;
                    self.text = if bytes[at - 1] == b'"' { Text::Outside } else { Text::Escaped };
                    continue;
                }
                Text::Escaped => {
                    self.text = Text::Inside;
                    at += 1;
                    continue;
                }
            }
            let byte = bytes[at];
            if self.array == Array::Closed && !byte.is_ascii_whitespace() {
                self.array = Array::Followed;
            }
            match byte {
                // a number or a word, which no conversation is, has no end of its own
                b',' | b']' if self.depth == 0 && wanted == Wanted::First => return Some(at),
                b'"' => self.text = Text::Inside,
                b'{' | b'[' => self.depth += 1,
                b']' if self.depth == 0 => self.array = self.array.max(Array::Closed),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        end = Some(at + 1);
                        if wanted == Wanted::First {
                            return end;
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        end
    }
}

/// How many lines end in some bytes.
pub(in super::super) fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every end, with the bytes given in two parts.
    fn ends(splitter: Splitter, bytes: &[u8]) -> Vec<usize> {
        let (mut ends, mut from) = (Vec::new(), 0);
        while let Some(length) = splitter.first_end(&bytes[from..]) {
            from += length.max(1);
            ends.push(from);
        }
        ends
    }

    #[test]
    fn elements_end_with_their_brackets() {
        let array = br#" {"a": "}\"]"}, [1, {}] ,{} ]  "#;
        let mut whole = Splitter::new(DataFormat::Sharegpt);
        assert_eq!(whole.last_end(array), Some(27));
        assert_eq!(whole.at_end(), None);
        for (text, wrong) in [("{}", "never closed"), ("{\"a]", "never closed"), ("{}] x", "more behind")] {
            let mut splitter = Splitter::new(DataFormat::Sharegpt);
            splitter.last_end(text.as_bytes());
            assert!(splitter.at_end().is_some_and(|found| found.contains(wrong)), "{text}");
        }
        let first = |text: &str| Splitter::new(DataFormat::Sharegpt).first_end(text.as_bytes());
        assert_eq!(first(r#"{"a":[1,2]},{}"#), Some(11));
        assert_eq!((first("12, {}"), first("12]"), first("\"a,\"]")), (Some(2), Some(2), Some(4)));
        assert_eq!(first("{\"a\":"), None);
    }

    proptest! {
        /// The `csv` crate says where records end; blank lines are none.
        #[test]
        fn records_end_where_the_csv_crate_ends_them(text in "[ab\",\n\r]{0,40}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut record = csv::ByteRecord::new();
            let mut expected = Vec::new();
            while reader.read_byte_record(&mut record).expect("bytes of memory") {
                expected.push(usize::try_from(reader.position().byte()).expect("a small number"));
            }
            // where the last record has no line end
            expected.retain(|end| *end < text.len() || text.ends_with(['\n', '\r']));
            let found = ends(Splitter::new(DataFormat::Csv), text.as_bytes());
            let blank = |end: &usize| {
                let before = found.iter().rev().find(|other| *other < end).copied().unwrap_or(0);
                text[before..*end].trim_matches(['\n', '\r']).is_empty()
            };
            let records: Vec<usize> = found.iter().copied().filter(|end| !blank(end)).collect();
            if !matches!(split_whole(&text).1, Splitter::Csv(Csv::Quoted)) {
                prop_assert_eq!(records, expected);
            }
        }

        /// However the bytes are cut, the last end is the same.
        #[test]
        fn parts_have_the_ends_of_the_whole(text in "[ab\",\n\\\\{}\\[\\]]{0,40}", cut in 0_usize..40) {
            for format in DataFormat::ALL {
                let mut whole = Splitter::new(format);
                let expected = whole.last_end(text.as_bytes());
                let (one, other) = text.as_bytes().split_at(cut.min(text.len()));
                let mut parts = Splitter::new(format);
                let (first, second) = (parts.last_end(one), parts.last_end(other));
                prop_assert_eq!(second.map(|end| end + one.len()).or(first), expected);
                prop_assert_eq!(parts.at_end(), whole.at_end());
            }
        }
    }

    fn split_whole(text: &str) -> (Option<usize>, Splitter) {
        let mut splitter = Splitter::new(DataFormat::Csv);
        (splitter.last_end(text.as_bytes()), splitter)
    }
}
