use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::{
    super::{
        mean_tokens,
        tests::{batch, prompt},
    },
    names::{LIMITS, NUMBERS, Name, SHORT_NAMES, STATES, TEXTS, THINGS, VERBS, WIDGETS},
    template::{Words, comments},
    *,
};
use crate::config::{Lengths, Mix, Workload};

const MANY: u64 = 20_000;

const DEFAULT: Mix = Mix { javascript: 30.0, typescript: 30.0, python: 20.0, react: 20.0 };

fn of_length(prompt_tokens: Lengths) -> Snippets {
    let output_tokens = Lengths::Uniform { min: 32, max: 256 };
    Snippets { prompt_tokens, output_tokens, prefix: String::new(), mix: DEFAULT }
}

fn of_tokens(tokens: u32) -> Snippets {
    of_length(Lengths::Constant(tokens))
}

fn only(language: Language) -> Mix {
    let weight = |other| if other == language { 1.0 } else { 0.0 };
    Mix {
        javascript: weight(Language::Javascript),
        typescript: weight(Language::Typescript),
        python: weight(Language::Python),
        react: weight(Language::React),
    }
}

/// One of every language, so that a reader of a change sees what it makes.
#[test]
fn samples() {
    for language in Language::ALL {
        let snippets = Snippets { mix: only(language), ..of_tokens(300) };
        let snippet = snippet(&snippets, "code", 42, 7, 0);
        insta::assert_snapshot!(language.name(), snippet.text);
    }
}

#[test]
fn every_snippet_is_as_long_as_asked() {
    for tokens in [SHORTEST, SHORTEST + 1, SHORTEST + 2, SHORTEST + 3, 150, 151, 256, 1000, 6000] {
        for seq in 0..300 {
            let snippet = snippet(&of_tokens(tokens), "code", 42, seq, 0);
            assert_eq!(estimate_tokens(&snippet.text), tokens, "{tokens}, {seq}:\n{}", snippet.text);
        }
    }
    let short = snippet(&of_tokens(3), "code", 42, 5, 0);
    assert_eq!(estimate_tokens(&short.text), SHORTEST);
}

#[test]
fn every_template_fits_into_the_shortest_snippet() {
    // every name of three words that a first function can have
    for language in Language::ALL {
        let snippets = Snippets { mix: only(language), ..of_tokens(1) };
        for seq in (0..SHORT_NAMES).step_by(61) {
            let text = snippet(&snippets, "code", 42, seq, 0).text;
            assert_eq!(estimate_tokens(&text), SHORTEST, "{seq}:\n{text}");
        }
    }
}

#[test]
fn no_two_snippets_are_the_same() {
    let mut seen = HashSet::new();
    for seq in (0..MANY).chain([SHORT_NAMES, SHORT_NAMES + 1, 64 * SHORT_NAMES, u64::MAX]) {
        assert!(seen.insert(prompt(&Workload::Snippets(of_tokens(1)), "code", 42, seq).text), "{seq}");
    }
    let mut seen = HashSet::new();
    for seq in 0..100 {
        for prompt in batch(&Workload::Snippets(of_tokens(1)), "code", 42, seq, 100) {
            assert!(seen.insert(prompt.text), "{seq}");
        }
    }
}

proptest! {
    #[test]
    fn a_name_spells_its_number_and_its_place(one: (u64, u32), other: (u64, u32)) {
        let words = |(number, place)| {
            let name = Name::spell(number, place);
            (name.of_function().1, name.of_component().1)
        };
        let (one_words, other_words) = (words(one), words(other));
        prop_assert_eq!(one == other, one_words.0 == other_words.0);
        prop_assert_eq!(one == other, one_words.1 == other_words.1);
    }

    #[test]
    fn code_is_well_formed(seed: u64, seq: u64, place in 0..3_u32, length in 1..1500_u32) {
        let snippet = snippet(&of_tokens(length), "code", seed, seq, place);
        well_formed(&snippet)?;
    }
}

#[test]
fn thousands_of_snippets_are_well_formed() {
    let snippets = of_length(Lengths::Uniform { min: 64, max: 600 });
    for seq in 0..5000 {
        well_formed(&snippet(&snippets, "code", 1, seq, 0))
            .unwrap_or_else(|problem| panic!("{seq}: {problem}"));
    }
}

fn well_formed(Snippet { text, language }: &Snippet) -> Result<(), TestCaseError> {
    brackets(text)?;
    let unit = if *language == Language::Python { 4 } else { 2 };
    let mut before = 0;
    let mut opened = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let indent = line.len() - line.trim_start().len();
        // a block comment is indented by one more
        let in_comment = line.trim_start().starts_with('*');
        prop_assert!(in_comment || indent % unit == 0, "{line:?} in\n{text}");
        prop_assert_eq!(line.trim_end(), line);
        prop_assert!(
            !line.contains(['@', '«', '»'])
                || line.trim_start().starts_with("@dataclass")
                || line.trim_start() == "@property",
            "{line:?}"
        );
        if *language == Language::Python {
            // a colon at the end of a line opens a block, and nothing else makes it deeper by one
            prop_assert_eq!(opened, indent > before, "{:?} in\n{}", line, text);
        }
        if !line.trim_start().starts_with('#') {
            opened = line.ends_with([':', '(', '[', '{']);
            before = indent;
        } else if opened {
            before = indent;
            opened = false;
        }
    }
    imports_are_used(text, *language)
}

/// Brackets outside texts and comments are closed by their own kind.
fn brackets(text: &str) -> Result<(), TestCaseError> {
    let mut open = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("//") || line.starts_with('#') && !line.starts_with("#@") || line.starts_with('*')
        {
            continue;
        }
        for c in line.chars() {
            match c {
                '(' | '[' | '{' => open.push(c),
                ')' | ']' | '}' => {
                    let expected = match c {
                        ')' => '(',
                        ']' => '[',
                        _ => '{',
                    };
                    prop_assert_eq!(open.pop(), Some(expected), "{:?} in\n{}", line, text);
                }
                _ => {}
            }
        }
    }
    prop_assert!(open.is_empty(), "{open:?} in\n{text}");
    Ok(())
}

fn imports_are_used(text: &str, language: Language) -> Result<(), TestCaseError> {
    let (imports, code): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("import ") || line.starts_with("from "));
    let code = code.join("\n");
    let words: HashSet<&str> = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    for line in imports {
        let names = match (language, line.split_once(" import "), line.split_once('{')) {
            (Language::Python, Some((_, names)), _) => names,
            (Language::Python, None, _) => line.trim_start_matches("import "),
            (_, _, Some((_, names))) => names.split_once('}').map_or(names, |(names, _)| names),
            _ => return Err(TestCaseError::fail(format!("what does {line:?} import?"))),
        };
        for name in names.split(',').map(str::trim) {
            prop_assert!(words.contains(name), "{name} is not used in\n{text}");
        }
    }
    Ok(())
}

#[test]
fn languages_come_as_often_as_they_weigh() {
    for mix in [DEFAULT, Mix { javascript: 1.0, typescript: 0.0, python: 3.0, react: 0.5 }] {
        let snippets = Snippets { mix, ..of_tokens(1) };
        let mut drawn: BTreeMap<&str, f64> = BTreeMap::new();
        for seq in 0..MANY {
            *drawn.entry(snippet(&snippets, "code", 42, seq, 0).language.name()).or_default() += 1.0;
        }
        let total: f64 = Language::ALL.iter().map(|language| mix.weight(*language)).sum();
        for language in Language::ALL {
            let (share, weight) =
                (drawn.get(language.name()).unwrap_or(&0.0) / MANY as f64, mix.weight(language));
            assert!((share - weight / total).abs() < 0.02, "{}: {share} for {mix:?}", language.name());
            assert!(weight > 0.0 || share == 0.0, "{}", language.name());
        }
    }
}

#[test]
fn the_stated_mean_is_that_of_what_is_drawn() {
    for lengths in [
        Lengths::Constant(200),
        Lengths::Constant(5),
        Lengths::Uniform { min: 20, max: 400 },
        Lengths::Uniform { min: 20, max: 60 },
        Lengths::Uniform { min: 200, max: 300 },
        Lengths::Normal { mean: 150.0, std_dev: 80.0, min: 10, max: 300 },
        Lengths::Lognormal { mean: 256.0, std_dev: 128.0, min: 96, max: 2048 },
        Lengths::Poisson { mean: SHORTEST.into(), min: 1, max: 1000 },
    ] {
        let prefix = "Explain what this code does:".to_owned();
        let workload = Workload::Snippets(Snippets { prefix, ..of_length(lengths.clone()) });
        let n = 4000;
        let total: u64 =
            (0..n).map(|seq| u64::from(estimate_tokens(&prompt(&workload, "code", 42, seq).text))).sum();
        let (stated, drawn) = (mean_tokens(&workload).input, total as f64 / n as f64);
        assert!((stated / drawn - 1.0).abs() < 0.02, "{lengths:?}: stated {stated}, drawn {drawn}");
    }
}

#[test]
fn a_snippet_depends_on_seed_name_number_and_place_alone() {
    let workload = Workload::Snippets(of_tokens(200));
    let base = prompt(&workload, "code", 42, 9);
    assert_eq!(base, prompt(&workload, "code", 42, 9));
    assert_eq!(
        base,
        batch(&workload, "code", 42, 9, 3)[0],
        "the first of a batch is that of a single prompt"
    );
    for other in [
        prompt(&workload, "code", 43, 9),
        prompt(&workload, "other", 42, 9),
        prompt(&workload, "code", 42, 10),
    ] {
        assert_ne!(base.text, other.text);
        assert_ne!(base.output_tokens, other.output_tokens);
    }
}

#[test]
fn numbers_that_follow_each_other_share_no_word() {
    for seq in 0..500 {
        let (one, next) = (Name::spell(seq, 0), Name::spell(seq + 1, 0));
        let shared = |(a, b): (&&str, &&str)| a == b;
        assert!(!one.of_function().1.iter().zip(&next.of_function().1).any(shared), "{seq}");
    }
}

#[test]
fn the_prefix_stands_on_lines_of_its_own() {
    for (prefix, expected) in [("Explain:", "Explain:\n// "), ("Explain:\n\n", "Explain:\n\n// ")] {
        let snippets =
            Snippets { prefix: prefix.to_owned(), mix: only(Language::Javascript), ..of_tokens(1) };
        let prompt = prompt(&Workload::Snippets(snippets), "code", 42, 0);
        assert!(prompt.text.starts_with(expected), "{}", prompt.text);
        assert_eq!(estimate_tokens(&prompt.text), SHORTEST + 2);
    }
}

#[test]
fn every_word_is_one_token_and_there_once() {
    let verbs = VERBS.map(|(word, _)| word);
    let widgets = WIDGETS.map(|(word, _)| word);
    let (one, many) = (THINGS.map(|(one, _)| one), THINGS.map(|(_, many)| many));
    let lists: [&[&str]; 8] = [&verbs, &widgets, &STATES, &one, &many, &NUMBERS, &TEXTS, &LIMITS];
    for list in lists {
        let different: HashSet<&str> = list.iter().copied().collect();
        assert_eq!(different.len(), list.len(), "{list:?}");
        for word in list {
            assert_eq!(estimate_tokens(word), 1, "{word}");
            // else a number and its neighbour could be one name
            assert!(!["with", "for"].contains(word));
        }
    }
}

#[test]
fn a_comment_has_as_many_tokens_as_words() {
    let mut rng = rng(42, "comments", 0);
    assert!(comments().len() >= 12);
    for (index, some) in comments().iter().enumerate() {
        assert!(some.len() >= 2, "{} words", index + 1);
        for comment in some {
            let name = Name::spell(9, 0);
            let main = name.of_function().1;
            let text = comment.fill(&Words::draw(name, main, false, &mut rng), false);
            assert_eq!(estimate_tokens(&text), index as u32 + 1, "{text}");
        }
    }
}
