use std::collections::HashSet;

use rand::{Rng, RngExt};

use super::{words::NOUNS, *};
use crate::config::{Bin, Lengths, PromptLength, Synthetic};

const DRAWS: u64 = 20_000;

pub(super) fn synthetic(prompt: PromptLength) -> Synthetic {
    Synthetic {
        prompt,
        output_tokens: Lengths::Uniform { min: 32, max: 256 },
        prefix: String::new(),
        shared_prefix_tokens: 0,
        shared_prefix_share: None,
        shared_prefix_groups: 1,
    }
}

pub(super) fn of_tokens(tokens: u32) -> Workload {
    Workload::Synthetic(synthetic(PromptLength::Tokens(Lengths::Constant(tokens))))
}

/// The prompt of a request of what is made up.
pub(super) fn prompt(workload: &Workload, name: &str, seed: u64, seq: u64) -> Prompt {
    let source = Datasets::default().open(name, workload, None).expect("nothing to read");
    source.prompt(seed, seq).expect("nothing to read")
}

/// Its prompts where it has several.
pub(super) fn batch(workload: &Workload, name: &str, seed: u64, seq: u64, size: u32) -> Vec<Prompt> {
    let source = Datasets::default().open(name, workload, None).expect("nothing to read");
    source.batch(seed, seq, size).expect("nothing to read")
}

#[test]
fn the_generator_is_the_same_for_ever() {
    let mut generator = rng(42, "golden", 7);
    let first: [u64; 3] = std::array::from_fn(|_| generator.next_u64());
    // computed by another implementation of SHA-256 and ChaCha8
    assert_eq!(first, [17_344_966_836_279_508_976, 15_369_631_401_593_830_507, 11_975_618_084_917_495_226]);
    let mut generator = rng(u64::MAX, "", 0);
    assert_eq!(generator.next_u64(), 362_973_181_958_095_334);
}

#[test]
fn seed_purpose_and_index_all_matter() {
    let first = |seed, domain, index| -> u64 { rng(seed, domain, index).random() };
    let base = first(1, "a", 1);
    assert_eq!(base, first(1, "a", 1));
    for other in [first(2, "a", 1), first(1, "b", 1), first(1, "a", 2), first(1, "", 1)] {
        assert_ne!(base, other);
    }
}

#[test]
fn the_first_prompt_of_a_seed_is_the_same_for_ever() {
    assert_eq!(
        prompt(&of_tokens(40), "code", 42, 300).text,
        "Business actor. The heart above her parent shared that northern message. Beside their empty glass, one \
         park changed the dog outside our camp but one journal named each government. Their low field prepared \
         this council."
    );
}

#[test]
fn the_prompts_of_a_batch_follow_from_seed_number_and_place() {
    let workload = of_tokens(12);
    let four = batch(&workload, "code", 42, 300, 4);
    assert_eq!(four[0], prompt(&workload, "code", 42, 300), "the first is that of a single prompt");
    assert_eq!(four[..2], batch(&workload, "code", 42, 300, 2), "whatever else is in the batch");
    assert_eq!(four[1].text, "Business actor. Actor. The neighbor outside his flower repaired.");
    for prompt in &four {
        assert_eq!(estimate_tokens(&prompt.text), 12);
        assert_eq!(prompt.output_tokens, four[0].output_tokens, "a request has one limit");
    }
}

#[test]
fn no_two_prompts_of_any_batch_are_the_same() {
    // down to a length that has room for titles alone
    for tokens in [1, 4, 6, 30] {
        let workload = of_tokens(tokens);
        let mut seen = HashSet::new();
        for seq in 0..300 {
            for prompt in batch(&workload, "code", 42, seq, 300) {
                assert!(seen.insert(prompt.text), "{tokens} tokens, request {seq}");
            }
        }
    }
}

#[test]
fn a_prompt_depends_on_seed_name_and_number_alone() {
    let workload = of_tokens(60);
    let base = prompt(&workload, "code", 42, 9);
    assert_eq!(base, prompt(&workload, "code", 42, 9));
    for other in [
        prompt(&workload, "code", 43, 9),
        prompt(&workload, "prose", 42, 9),
        prompt(&workload, "code", 42, 10),
    ] {
        assert_ne!(base.text, other.text);
        assert_ne!(base.output_tokens, other.output_tokens);
    }
}

#[test]
fn no_two_prompts_are_alike_however_short() {
    for tokens in [1, 8] {
        let workload = of_tokens(tokens);
        let texts: HashSet<String> = (0..DRAWS).map(|seq| prompt(&workload, "short", 42, seq).text).collect();
        assert_eq!(texts.len() as u64, DRAWS);
    }
}

#[test]
fn prompts_differ_in_their_first_words() {
    // 256 consecutive requests share no first word, so a cache of prefixes has nothing to share
    let first = |seq| {
        let text = prompt(&of_tokens(50), "w", 1, seq).text;
        text.split(' ').next().map(str::to_owned)
    };
    let words: HashSet<_> = (5000..5256).map(first).collect();
    assert_eq!(words.len(), NOUNS.len());
}

#[test]
fn the_estimate_is_the_drawn_length() {
    for tokens in [2, 3, 4, 5, 17, 50, 51, 52, 400] {
        for seq in 0..50 {
            let prompt = prompt(&of_tokens(tokens), "w", 42, seq);
            assert_eq!(estimate_tokens(&prompt.text), tokens, "{}", prompt.text);
        }
    }
}

#[test]
fn words_are_counted_where_words_were_drawn() {
    for words in [2, 15, 200] {
        let workload = Workload::Synthetic(synthetic(PromptLength::Words(Lengths::Constant(words))));
        for seq in 0..50 {
            let text = prompt(&workload, "w", 42, seq).text;
            assert_eq!(text.split_whitespace().count(), words as usize, "{text}");
            assert!(text.ends_with('.'), "{text}");
        }
    }
}

#[test]
fn the_shared_prefix_is_shared_and_comes_on_top() {
    let workload = Workload::Synthetic(Synthetic {
        prefix: "Please summarize:".to_owned(),
        shared_prefix_tokens: 100,
        ..synthetic(PromptLength::Tokens(Lengths::Constant(30)))
    });
    let prompts: Vec<Prompt> = (0..20).map(|seq| prompt(&workload, "w", 42, seq)).collect();
    let shared = |a: &str, b: &str| -> usize { a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count() };
    for other in &prompts[1..] {
        assert!(other.text.starts_with("Please summarize: "));
        let common = &other.text[..shared(&prompts[0].text, &other.text)];
        let tokens = estimate_tokens(common);
        // the titles may begin with the same letters, which is less than one token
        assert!((103..=104).contains(&tokens), "{tokens} of {common:?}");
        assert_eq!(estimate_tokens(&other.text), 3 + 100 + 30);
    }
    let elsewhere = prompt(&workload, "v", 42, 0).text;
    assert!(estimate_tokens(&elsewhere[..shared(&prompts[0].text, &elsewhere)]) < 10);
    assert_eq!(mean_tokens(&workload).input, 133.0);
}

#[test]
fn a_prefix_cache_knows_the_share_that_was_asked_for() {
    for (share, groups, prefix) in [(0.6, 1, ""), (0.6, 8, "Please summarize:"), (0.2, 3, ""), (0.0, 5, "")] {
        let lengths = Lengths::Lognormal { mean: 150.0, std_dev: 80.0, min: 20, max: 1000 };
        let workload = Workload::Synthetic(Synthetic {
            prefix: prefix.to_owned(),
            shared_prefix_share: Some(share),
            shared_prefix_groups: groups,
            ..synthetic(PromptLength::Tokens(lengths))
        });
        let source = Datasets::default().open("w", &workload, None).expect("nothing to read");
        // one that keeps the first prompt of each group and looks for the longest common beginning
        let mut kept: Vec<String> = Vec::new();
        let (mut known, mut all) = (0, 0);
        for seq in 0..2000 {
            let text = source.prompt(42, seq).expect("nothing to read").text;
            let common = |other: &String| {
                let same = text.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
                estimate_tokens(&text[..same])
            };
            let best = kept.iter().map(common).max().unwrap_or_default();
            known += u64::from(best);
            all += u64::from(estimate_tokens(&text));
            if best < 15 && kept.len() < 50 {
                kept.push(text);
            }
        }
        let found = known as f64 / all as f64;
        assert!((found - share).abs() < 0.03, "{found} for {share} in {groups}");
        assert!(share == 0.0 || kept.len() == groups as usize, "{} for {groups}", kept.len());
        let mean = all as f64 / 2000.0;
        assert!((mean_tokens(&workload).input / mean - 1.0).abs() < 0.03);
    }
}

fn bins() -> Vec<Bin> {
    let bin = |min, max, weight| Bin { min, max, weight };
    vec![bin(1, 64, 1.0), bin(7, 7, 0.0), bin(65, 256, 9.0)]
}

#[test]
fn bins_are_drawn_by_their_weights() {
    let drawn = |bins: Vec<Bin>, i| draw(&Lengths::Histogram(bins), &mut rng(42, "bins", i));
    let short = (0..DRAWS).filter(|i| drawn(bins(), *i) <= 64).count() as f64;
    assert!((short / DRAWS as f64 - 0.1).abs() < 0.01, "{short}");
    let one = |weight| vec![Bin { min: 5, max: 5, weight }];
    for (bins, range) in [
        (one(1e-300), 5..=5),
        (one(1e300), 5..=5),
        // nothing of what weighs nothing, wherever it stands
        ([one(0.0), bins()[2..].to_vec(), one(0.0)].concat(), 65..=256),
    ] {
        assert!((0..DRAWS).all(|i| range.contains(&drawn(bins.clone(), i))), "{bins:?}");
    }
}

#[test]
fn the_mean_of_raised_lengths_is_that_of_each_raised() {
    let all = [Lengths::Uniform { min: 3, max: 9 }, Lengths::Histogram(bins()), Lengths::Constant(6)];
    for lengths in all {
        for floor in [1, 3, 5, 9, 10, 70, 300] {
            let sum: f64 =
                (0..DRAWS).map(|i| f64::from(draw(&lengths, &mut rng(7, "raised", i)).max(floor))).sum();
            let (stated, drawn) = (mean_at_least(&lengths, floor), sum / DRAWS as f64);
            assert!((stated / drawn - 1.0).abs() < 0.02, "{lengths:?} from {floor}: {stated} and {drawn}");
        }
    }
}

#[test]
fn drawn_lengths_have_the_mean_and_deviation_asked_for() {
    for (lengths, mean_asked, deviation) in [
        (Lengths::Constant(128), 128.0, 0.0),
        (Lengths::Uniform { min: 32, max: 256 }, 144.0, ((225.0_f64 * 225.0 - 1.0) / 12.0).sqrt()),
        (Lengths::Normal { mean: 400.0, std_dev: 50.0, min: 1, max: 10_000 }, 400.0, 50.0),
        (Lengths::Lognormal { mean: 400.0, std_dev: 150.0, min: 1, max: 100_000 }, 400.0, 150.0),
        (Lengths::Poisson { mean: 15.0, min: 1, max: 10_000 }, 15.0, 15.0_f64.sqrt()),
        // by Σ w (σ² + (μ − mean)²) over the bins, each with σ² = (n² − 1) / 12
        (Lengths::Histogram(bins()), 0.1 * 32.5 + 0.9 * 160.5, 65.37),
    ] {
        let values: Vec<f64> =
            (0..DRAWS).map(|i| f64::from(draw(&lengths, &mut rng(42, "lengths", i)))).collect();
        let n = values.len() as f64;
        let drawn = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|v| (v - drawn).powi(2)).sum::<f64>() / n).sqrt();
        assert!((drawn / mean_asked - 1.0).abs() < 0.02, "{lengths:?}: mean {drawn}");
        assert!((spread - deviation).abs() <= 0.02 * deviation, "{lengths:?}: deviation {spread}");
        assert!((mean(&lengths) / mean_asked - 1.0).abs() < 1e-3, "{lengths:?}: {}", mean(&lengths));
    }
}

#[test]
fn the_stated_mean_of_long_poisson_lengths_takes_no_longer() {
    let of = |mean_asked, min, max| mean(&Lengths::Poisson { mean: mean_asked, min, max });
    // term by term these would take hours
    assert!((of(1e15, 1, u32::MAX) / f64::from(u32::MAX) - 1.0).abs() < 1e-6);
    assert!((of(2e9, 1, u32::MAX) / 2e9 - 1.0).abs() < 1e-3);
    // both ways of counting agree where one takes over from the other
    for (min, max) in [(1, 1_000_000), (10_000, 1_000_000), (1, 10_000), (10_100, 10_200)] {
        let (below, above) = (of(10_000.0, min, max), of(10_000.1, min, max));
        assert!((above / below - 1.0).abs() < 1e-4, "{min} to {max}: {below} and {above}");
    }
}

#[test]
fn the_stated_mean_is_that_of_clipped_draws() {
    for lengths in [
        Lengths::Normal { mean: 10.0, std_dev: 50.0, min: 5, max: 60 },
        Lengths::Normal { mean: 2.0, std_dev: 1.0, min: 1, max: 100 },
        Lengths::Normal { mean: 50_000.0, std_dev: 0.0, min: 1, max: u32::MAX },
        Lengths::Lognormal { mean: 3.0, std_dev: 6.0, min: 1, max: 2_000 },
        Lengths::Lognormal { mean: 400.0, std_dev: 800.0, min: 300, max: 500 },
        Lengths::Poisson { mean: 0.0, min: 1, max: 9 },
        Lengths::Poisson { mean: 2.0, min: 2, max: 3 },
        Lengths::Poisson { mean: 50_000.0, min: 1, max: u32::MAX },
        Lengths::Uniform { min: 7, max: 7 },
    ] {
        let sum: f64 = (0..DRAWS).map(|i| f64::from(draw(&lengths, &mut rng(7, "clip", i)))).sum();
        let drawn = sum / DRAWS as f64;
        let stated = mean(&lengths);
        assert!((stated / drawn - 1.0).abs() < 0.02, "{lengths:?}: stated {stated}, drawn {drawn}");
    }
}

#[test]
fn the_stated_tokens_are_those_of_prompts_counted_in_words() {
    for words in [15.0, 200.0] {
        let lengths = Lengths::Poisson { mean: words, min: 5, max: 1000 };
        let workload = Workload::Synthetic(synthetic(PromptLength::Words(lengths)));
        let total: u64 =
            (0..2000).map(|seq| u64::from(estimate_tokens(&prompt(&workload, "w", 42, seq).text))).sum();
        let (stated, drawn) = (mean_tokens(&workload).input, total as f64 / 2000.0);
        assert!((stated / drawn - 1.0).abs() < 0.02, "{words} words: stated {stated}, drawn {drawn}");
    }
}

#[test]
fn every_word_is_one_token() {
    let lists: [&[&str]; 7] = [
        &NOUNS,
        &words::VERBS,
        &words::ADJECTIVES,
        &words::ADVERBS,
        &words::PREPOSITIONS,
        &words::DETERMINERS,
        &words::CONJUNCTIONS,
    ];
    for word in lists.concat() {
        assert!(word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        assert_eq!(estimate_tokens(word), 1, "{word}");
    }
    // a title spells numbers in these, so they must be different
    assert_eq!(NOUNS.iter().collect::<HashSet<_>>().len(), NOUNS.len());
}
