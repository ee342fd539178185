//! Prompts whose tokens a tokenizer counts: as long as drawn, different, and the same every time.

use std::{collections::HashSet, sync::LazyLock, thread, time::Duration};

use proptest::prelude::*;

use super::{
    counter::fixture::Learnt,
    tests::{of_tokens, synthetic},
    *,
};
use crate::config::{
    Bin, Conversation, Encoding, Lengths, Mix, PromptLength, Snippets, Synthetic, Tokenizer, Vocabulary,
};

/// Byte-level BPE with two or three tokens a word, and one with a token for most.
static LEARNT: LazyLock<Learnt> = LazyLock::new(|| Learnt::new(1500));

fn tokenizers() -> [Tokenizer; 2] {
    let encoding = Vocabulary::Encoding(Encoding::Cl100kBase);
    [LEARNT.tokenizer(), Tokenizer { vocabulary: encoding, counted: None }]
}

fn source(workload: &Workload, tokenizer: &Tokenizer) -> Source {
    Datasets::default().open("w", workload, Some(tokenizer)).expect("a tokenizer")
}

fn tokens(source: &Source, seq: u64) -> u32 {
    let prompt = source.prompt(42, seq).expect("nothing to read");
    source.counter().count(&prompt.text)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[test]
fn prompts_have_the_tokens_that_were_drawn() {
    const DRAWS: u64 = 20_000;
    let bins = vec![Bin { min: 10, max: 40, weight: 3.0 }, Bin { min: 41, max: 120, weight: 1.0 }];
    let bell = Lengths::Normal { mean: 40.0, std_dev: 10.0, min: 8, max: 200 };
    for (lengths, asked, deviation) in [
        (bell, 40.0, 10.0),
        // by Σ w (σ² + (μ − mean)²) over the bins
        (Lengths::Histogram(bins), 38.875, 27.76),
    ] {
        let workload = Workload::Synthetic(synthetic(PromptLength::Tokens(lengths.clone())));
        for tokenizer in tokenizers() {
            let source = source(&workload, &tokenizer);
            let counted: Vec<u32> = (0..DRAWS).map(|seq| tokens(&source, seq)).collect();
            let near = |(seq, tokens): (u64, &u32)| {
                draw(&lengths, &mut rng(42, "prompt of w", seq)).abs_diff(*tokens) <= 2
            };
            let off = (0..).zip(&counted).filter(|(seq, tokens)| !near((*seq, tokens))).count();
            assert!(off as u64 <= DRAWS / 100, "{off} of {DRAWS} are off: {tokenizer:?}");
            let values: Vec<f64> = counted.into_iter().map(f64::from).collect();
            let (mean, spread) = mean_and_deviation(&values);
            assert!((mean / asked - 1.0).abs() < 0.02, "{lengths:?}: mean {mean}");
            assert!((spread / deviation - 1.0).abs() < 0.02, "{lengths:?}: deviation {spread}");
        }
    }
}

#[test]
fn prefixes_come_on_top_to_the_token() {
    for tokenizer in tokenizers() {
        for prefix in ["", "Please summarize:", "Fasse zusammen – in Kürze:\n\n"] {
            let workload = Workload::Synthetic(Synthetic {
                prefix: prefix.to_owned(),
                shared_prefix_tokens: 100,
                shared_prefix_share: None,
                shared_prefix_groups: 1,
                ..synthetic(PromptLength::Tokens(Lengths::Constant(50)))
            });
            let source = source(&workload, &tokenizer);
            let before = source.counter().count(prefix);
            let texts: Vec<String> =
                (0..50).map(|seq| source.prompt(42, seq).expect("nothing to read").text).collect();
            for text in &texts {
                assert!(text.starts_with(prefix));
                let tokens = source.counter().count(text);
                assert!(tokens.abs_diff(before + 150) <= 2, "{tokens} after {before} of {text}");
            }
            let alike = texts[0].bytes().zip(texts[1].bytes()).take_while(|(a, b)| a == b).count();
            let shared = source.counter().count(&texts[0][..texts[0].floor_char_boundary(alike)]);
            assert!(
                shared.abs_diff(before + 100) <= 3,
                "{shared} tokens are shared, {before} of them the prefix"
            );
            let mean = source.mean_tokens().expect("nothing to read").input;
            assert_eq!(mean, f64::from(before + 150));
        }
    }
}

#[test]
fn no_two_prompts_are_alike_however_they_are_cut() {
    for tokenizer in tokenizers() {
        for tokens in [1, 12] {
            let source = source(&of_tokens(tokens), &tokenizer);
            let mut seen = HashSet::new();
            for seq in 0..2000 {
                for prompt in source.batch(42, seq, 3).expect("nothing to read") {
                    assert!(seen.insert(prompt.text), "{tokens} tokens, request {seq}");
                }
            }
        }
    }
}

#[test]
fn a_prompt_is_the_same_on_any_thread() {
    let mix = Mix { javascript: 1.0, typescript: 1.0, python: 1.0, react: 1.0 };
    let code = Workload::Snippets(Snippets {
        prompt_tokens: Lengths::Uniform { min: 100, max: 400 },
        output_tokens: Lengths::Constant(1),
        prefix: "Explain:".to_owned(),
        mix,
    });
    let prose = Workload::Synthetic(Synthetic {
        shared_prefix_tokens: 30,
        shared_prefix_share: None,
        shared_prefix_groups: 1,
        ..synthetic(PromptLength::Tokens(Lengths::Uniform { min: 5, max: 200 }))
    });
    for workload in [code, prose] {
        for tokenizer in tokenizers() {
            let alone = source(&workload, &tokenizer);
            let expected: Vec<Prompt> =
                (0..120).map(|seq| alone.prompt(42, seq).expect("nothing to read")).collect();
            let shared = source(&workload, &tokenizer);
            // another seed first, so that nothing of it is kept for the next
            shared.prompt(7, 0).expect("nothing to read");
            let shared = &shared;
            thread::scope(|scope| {
                let parts: Vec<_> = (0..4_u64)
                    .map(|part| {
                        scope.spawn(move || -> Vec<(u64, Prompt)> {
                            let numbers = (0..120).rev().filter(move |seq| seq % 4 == part);
                            numbers
                                .map(|seq| (seq, shared.prompt(42, seq).expect("nothing to read")))
                                .collect()
                        })
                    })
                    .collect();
                for (seq, prompt) in parts.into_iter().flat_map(|part| part.join().expect("prompts")) {
                    assert_eq!(prompt, expected[seq as usize], "{seq}");
                }
            });
        }
    }
}

#[test]
fn snippets_have_the_tokens_that_were_drawn() {
    const DRAWS: u64 = 400;
    let lengths = Lengths::Uniform { min: 250, max: 700 };
    for tokenizer in tokenizers() {
        for prefix in ["", "Explain what this does:"] {
            let workload = Workload::Snippets(Snippets {
                prompt_tokens: lengths.clone(),
                output_tokens: Lengths::Constant(1),
                prefix: prefix.to_owned(),
                mix: Mix { javascript: 1.0, typescript: 1.0, python: 1.0, react: 1.0 },
            });
            let source = source(&workload, &tokenizer);
            let before = source.counter().count(&if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}\n")
            });
            let off = (0..DRAWS).filter(|seq| {
                let drawn = draw(&lengths, &mut rng(42, "snippet of w", *seq));
                tokens(&source, *seq).abs_diff(before + drawn) > 2
            });
            let off = off.count() as u64;
            assert!(off <= DRAWS / 100, "{off} of {DRAWS} are off: {tokenizer:?}");
            let stated = source.mean_tokens().expect("nothing to read").input;
            assert!((stated - f64::from(before) - 475.0).abs() < 1e-6, "{stated} after {before}");
        }
    }
}

#[test]
fn a_snippet_that_is_drawn_too_short_is_as_short_as_code_can_be() {
    let of = |tokens| {
        Workload::Snippets(Snippets {
            prompt_tokens: Lengths::Constant(tokens),
            output_tokens: Lengths::Constant(1),
            prefix: String::new(),
            mix: Mix { javascript: 0.0, typescript: 0.0, python: 1.0, react: 0.0 },
        })
    };
    for tokenizer in tokenizers() {
        let [shortest, nothing] = [source(&of(1), &tokenizer), source(&of(10), &tokenizer)];
        for seq in 0..20 {
            let [one, other] = [&shortest, &nothing].map(|source| source.prompt(42, seq).expect("code").text);
            assert_eq!(one, other);
            assert_eq!(estimate_tokens(&one), 96, "{one}");
        }
    }
}

#[test]
fn the_stated_tokens_are_those_of_prompts_counted_in_words() {
    for tokenizer in tokenizers() {
        for words in [15.0, 100.0] {
            let lengths = Lengths::Poisson { mean: words, min: 5, max: 1000 };
            let workload = Workload::Synthetic(synthetic(PromptLength::Words(lengths)));
            let source = source(&workload, &tokenizer);
            let plain = Datasets::default().open("w", &workload, None).expect("nothing to read");
            assert_eq!(source.prompt(42, 7), plain.prompt(42, 7), "as many words, whoever counts tokens");
            let total: u64 = (0..1000).map(|seq| u64::from(tokens(&source, seq))).sum();
            let (stated, drawn) =
                (source.mean_tokens().expect("nothing to read").input, total as f64 / 1000.0);
            assert!((stated / drawn - 1.0).abs() < 0.02, "{words} words: stated {stated}, drawn {drawn}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_length_is_met_by_any_request(length in 10_u32..600, seed: u64, seq in 0_u64..100_000_000) {
        for tokenizer in tokenizers() {
            let source = source(&of_tokens(length), &tokenizer);
            let prompt = source.prompt(seed, seq).expect("nothing to read");
            let tokens = source.counter().count(&prompt.text);
            // four nouns and a full stop may be longer than what was drawn
            prop_assert!(tokens.abs_diff(length) <= 2 || (length < 24 && tokens < 24), "{} of {}", tokens, prompt.text);
        }
    }
}

#[test]
fn each_turn_of_a_conversation_has_the_tokens_that_were_drawn() {
    let talk = Workload::Conversation(Conversation {
        turns: 3,
        said: Synthetic {
            prefix: "Be kind: ".to_owned(),
            shared_prefix_tokens: 20,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
            ..synthetic(PromptLength::Tokens(Lengths::Constant(40)))
        },
        think_time: Duration::ZERO,
    });
    for tokenizer in tokenizers() {
        let source = source(&talk, &tokenizer);
        let before = source.counter().count("Be kind: ") + 20;
        for seq in 0..30 {
            for (turn, wanted) in [(0, before + 40), (1, 40), (2, 40)] {
                let said = source.turn(42, seq, turn).expect("nothing to read").text;
                let tokens = source.counter().count(&said);
                assert!(tokens.abs_diff(wanted) <= 2, "{tokens} of {wanted}: {said}");
            }
        }
        // a turn carries on average one before it and its answer
        let stated = source.mean_tokens().expect("nothing to read").input;
        assert_eq!(stated, f64::from(before + 40 + 40) + 144.0);
    }
}
