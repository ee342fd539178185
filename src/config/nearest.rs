//! The name that was probably meant.

/// The known name nearest to a text, where one is near enough that it was probably meant.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let length = text.chars().count();
    let limit = (length / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        // every character more or less is a step of the distance
        .filter(|name| name.chars().count().abs_diff(length) <= limit)
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    match near[..] {
        // two that are equally near: neither was meant more than the other
        [(first, _), (second, _), ..] if first == second => None,
        [(_, name), ..] => Some(name),
        [] => None,
    }
}

/// A help line: the name that was probably meant, if any, and all that would do.
pub fn suggest<'a>(text: &str, what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let list = if known.is_empty() { "none".to_owned() } else { quoted(&known) };
    match nearest(text, known) {
        Some(name) => format!("did you mean `{name}`? {what}: {list}"),
        None => format!("{what}: {list}"),
    }
}

/// Names in backticks, separated by commas.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["requests", "duration", "measure", "rtx_4090"];
        for (text, name) in [
            ("request", Some("requests")),
            ("durtaion", Some("duration")),
            ("RTX_4090", Some("rtx_4090")),
            ("rtx-4090", Some("rtx_4090")),
            ("load", None),
            ("x", None),
            ("requestz", Some("requests")),
        ] {
            assert_eq!(nearest(text, known), name, "{text}");
        }
        assert_eq!(nearest("users=8", ["users=1", "users=2"]), None, "a tie");
        assert_eq!(suggest("x", "known", []), "known: none");
    }
}
