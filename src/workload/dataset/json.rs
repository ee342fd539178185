//! What a JSON row has at a place in it, with everything else only skipped.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A place in a row: the names and numbers on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// As it was written.
    pub(super) written: String,
    way: Vec<String>,
}

impl Pointer {
    /// A name at the top, or a pointer by RFC 6901.
    pub(super) fn new(written: &str) -> Self {
        let way = match written.strip_prefix('/') {
            Some(way) => way.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
            None => vec![written.to_owned()],
        };
        Self { written: written.to_owned(), way }
    }

    /// What a row has there.
    ///
    /// # Errors
    ///
    /// Where the row is no JSON, anywhere in it.
    pub(super) fn find<'a>(&self, row: &'a str) -> Result<Found<'a>, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(row);
        let found = Seek(&self.way).deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    }
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Number(u64),
    /// Something else, in words.
    Other(&'static str),
}

/// Goes the rest of the way.
#[derive(Clone, Copy)]
struct Seek<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Seek<'_> {
    /// What a value that has nothing in it is, where this is the place, and not where the way goes on.
    fn here(self, found: Found<'de>) -> Found<'de> {
        if self.0.is_empty() { found } else { Found::Nothing }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.here(Found::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.here(Found::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.here(Found::Number(number)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.here(Found::Other("a negative number")))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.here(Found::Other("a number with a fraction")))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.here(Found::Other("a boolean")))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.here(Found::Other("null")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((next, rest)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Found::Other("an object"));
        };
        let mut found = Found::Nothing;
        while let Some(is_next) = map.next_key_seed(Is(next))? {
            if is_next {
                // of several the last counts, as for most readers of JSON
                found = map.next_value_seed(Seek(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Some((next, rest)) = self.0.split_first() else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Found::Other("an array"));
        };
        let next: Option<usize> = next.parse().ok();
        let mut found = Found::Nothing;
        for index in 0.. {
            if Some(index) == next {
                match list.next_element_seed(Seek(rest))? {
                    Some(here) => found = here,
                    None => break,
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// Whether a key is this one, without a copy of it.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Places that a message lists at most.
const LISTED: usize = 12;

/// The places of a row that have something of a kind, as a `field` names them: names, and pointers to what lies deeper.
pub(super) fn places(row: &str, is_kind: fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(row) = serde_json::from_str(row) {
        gather(&row, "", is_kind, &mut found);
    }
    // what is there at the top can be named without its slash
    for place in &mut found {
        if !place[1..].contains(['/', '~']) {
            place.remove(0);
        }
    }
    found
}

fn gather(value: &Value, at: &str, is_kind: fn(&Value) -> bool, found: &mut Vec<String>) {
    if found.len() == LISTED {
        return;
    }
    match value {
        value if is_kind(value) && !at.is_empty() => found.push(at.to_owned()),
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                gather(value, &format!("{at}/{key}"), is_kind, found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                gather(value, &format!("{at}/{index}"), is_kind, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_pointers_find_their_place() {
        let row = r#"{"a": "x", "n": 5, "a/b": "slash", "m": [{"c": "one"}, {"c": "tw\no"}], "t~": null, "f": -1.5}"#;
        for (written, expected) in [
            ("a", Found::Text("x".into())),
            ("/a", Found::Text("x".into())),
            ("a/b", Found::Text("slash".into())),
            ("/a~1b", Found::Text("slash".into())),
            ("/m/1/c", Found::Text("tw\no".into())),
            ("/m/2/c", Found::Nothing),
            ("/m/x/c", Found::Nothing),
            ("/a/b", Found::Nothing),
            ("n", Found::Number(5)),
            ("m", Found::Other("an array")),
            ("/m/0", Found::Other("an object")),
            ("/t~0", Found::Other("null")),
            ("f", Found::Other("a number with a fraction")),
            ("nope", Found::Nothing),
        ] {
            assert_eq!(Pointer::new(written).find(row).expect("JSON"), expected, "{written}");
        }
        assert_eq!(
            Pointer::new("a").find(r#"{"a": 1, "a": "last"}"#).expect("JSON"),
            Found::Text("last".into())
        );
        assert_eq!(Pointer::new("a").find("[1]").expect("JSON"), Found::Nothing);
    }

    #[test]
    fn all_of_a_row_has_to_be_json() {
        for row in ["", "{", r#"{"a": "x"} more"#, r#"{"a": "x", "b": tru}"#, r#"{"a": "x", "b": "\u12"}"#] {
            assert!(Pointer::new("a").find(row).is_err(), "{row}");
        }
    }

    #[test]
    fn places_are_listed() {
        let row = r#"{"q": "x", "n": 1, "a/b": "y", "m": [{"role": "user", "c": "z"}]}"#;
        let texts = places(row, Value::is_string);
        assert_eq!(texts, ["q", "/a~1b", "/m/0/role", "/m/0/c"]);
        assert_eq!(places(row, Value::is_number), ["n"]);
        assert!(places("nothing", Value::is_string).is_empty());
        for place in texts {
            assert!(matches!(Pointer::new(&place).find(row), Ok(Found::Text(_))), "{place}");
        }
    }
}
