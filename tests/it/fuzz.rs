//! Whatever stands in a file, the loader answers with a plan or with problems, and soon.
//!
//! `FUZZ_INPUTS=1000000 cargo test --release --test it fuzz -- --nocapture` tries more; `FUZZ_FROM` is the first of them.
//! Every input follows from its number, so a failure names the number to try again; one alone is printed.

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenario::{
    config::{Input, check, load, resolve},
    machine::Machine,
    plan,
};

/// Inputs of one test run.
const INPUTS: u64 = 20_000;

/// Bytes of an input at most.
const LONGEST: usize = 64 * 1024;

/// What stands in a scenario, and what should not.
const TOKENS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "[[",
    "]]",
    "=",
    ".",
    ",",
    "\n",
    "\"",
    "'",
    "\"\"\"",
    "#",
    " ",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "é",
    "日本",
    "\u{1f600}",
    "\u{202e}",
    "\\u0000",
    "\\",
    "$",
    "${",
    "${HOME}",
    "${X:-1}",
    "${NONE}",
    "$$",
    "true",
    "false",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1",
    "1e308",
    "1e-308",
    "0.1",
    "99999999999999999999999999",
    "9223372036854775808",
    "4294967296",
    "1_000_000",
    "0x10",
    "1979-05-27",
    "\"1h\"",
    "\"0s\"",
    "\"1e18s\"",
    "\"100%\"",
    "\"9/min\"",
    "users",
    "rate",
    "stages",
    "load.closed",
    "load.open",
    "closed",
    "open",
    "requests",
    "duration",
    "pause",
    "endpoints",
    "phases",
    "targets",
    "matrix",
    "include",
    "platforms",
    "sims",
    "extends",
    "run.platform",
    "defaults",
    "version",
    "name",
    "measure",
    "spikes",
    "every",
    "lasting",
    "arrivals",
    "gamma",
    "cv",
    "weight",
    "workload",
    "synthetic",
    "prompt_tokens",
    "uniform",
    "min",
    "max",
    "mean",
    "std_dev",
    "lognormal",
    "metric",
    "at_least",
    "at_most",
    "between",
    "phase",
    "step",
    "severity",
    "api_key",
    "env",
    "file",
    "concurrency_limit",
    "[1, 2, 4]",
    "[[1, 2], [4]]",
    "{ users = 4 }",
    "[matrix]",
    "[matrix.phases.main]",
    "seed = [1, 2]",
    "include = [\"a.toml\"]",
    "[platforms.mac]",
    "[phases.x]\nload.closed = {}\n",
    "\"sim:mac\"",
    "\"auto\"",
    "\"poisson\"",
];

fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["scenarios", "presets", "tests/broken", "tests/broken/include", "tests/broken/include/nested"];
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 50, "the files were found");
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Draws what is done to a text.
struct Mutator<'a> {
    corpus: &'a [String],
    rng: ChaCha8Rng,
}

impl Mutator<'_> {
    fn input(&mut self) -> String {
        let start = self.rng.random_range(0..self.corpus.len());
        let mut text = self.corpus[start].clone();
        // most inputs are near to something that is right, some are far from everything
        let changes = [0, 1, 1, 1, 2, 2, 3, 4, 8, 16, 64][self.rng.random_range(0..11)];
        for _ in 0..changes {
            text = self.change(text);
            if text.len() > LONGEST {
                text.truncate(boundary(&text, LONGEST));
            }
        }
        text
    }

    fn change(&mut self, text: String) -> String {
        match self.rng.random_range(0..12) {
            0 => {
                let mut bytes = text.into_bytes();
                if !bytes.is_empty() {
                    let at = self.rng.random_range(0..bytes.len());
                    bytes[at] ^= 1 << self.rng.random_range(0..8);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            1 | 2 => {
                let token = self.token();
                self.replace(&text, &token)
            }
            3 => self.lines(&text, |lines, at, _| drop(lines.remove(at))),
            4 => self.lines(&text, |lines, at, other| lines.insert(other, lines[at].clone())),
            5 => self.lines(&text, |lines, at, other| lines.swap(at, other)),
            6 => {
                let other = self.rng.random_range(0..self.corpus.len());
                let other = self.corpus[other].clone();
                let (from, to) = (self.anywhere(&text), self.anywhere(&other));
                format!("{}{}", &text[..from], &other[to..])
            }
            7 => {
                let depth = [3, 30, 79, 81, 300, 3000][self.rng.random_range(0..6)];
                let (open, close) =
                    [("[", "]"), ("{ a = ", " }"), ("a.", ""), ("[a.", "]")][self.rng.random_range(0..4)];
                let nest = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                self.replace(&text, &nest)
            }
            8 => self.number(&text),
            9 => self.value(&text),
            10 => {
                let (from, to) = (self.anywhere(&text), self.anywhere(&text));
                format!("{}{}", &text[..from.min(to)], &text[from.max(to)..])
            }
            _ => {
                let at = self.anywhere(&text);
                let many = [3, 10, 30, 100, 300, 1000][self.rng.random_range(0..6)];
                format!("{}{}{}", &text[..at], self.token().repeat(many), &text[at..])
            }
        }
    }

    fn token(&mut self) -> String {
        TOKENS[self.rng.random_range(0..TOKENS.len())].to_owned()
    }

    /// Puts a text in the place of some word, or in between.
    fn replace(&mut self, text: &str, by: &str) -> String {
        let at = self.anywhere(text);
        let word = text[at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0);
        let end = if self.rng.random() { at + word } else { at };
        format!("{}{by}{}", &text[..at], &text[end..])
    }

    /// Changes some number.
    fn number(&mut self, text: &str) -> String {
        let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
        let Some(&at) = digits.get(self.rng.random_range(0..digits.len().max(1))) else {
            return text.to_owned();
        };
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |n| at + n);
        let by = match self.rng.random_range(0..4) {
            0 => "0".to_owned(),
            1 => format!("1{}", "0".repeat(self.rng.random_range(0..40))),
            2 => self.rng.random::<u32>().to_string(),
            _ => format!("{:e}", self.rng.random::<f64>() * 10_f64.powi(self.rng.random_range(-20..300))),
        };
        format!("{}{by}{}", &text[..at], &text[end..])
    }

    /// Gives some key the value of another one.
    fn value(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let values: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains('=')).collect();
        if values.is_empty() {
            return text.to_owned();
        }
        let [one, other] = [(); 2].map(|()| values[self.rng.random_range(0..values.len())]);
        let (key, _) = lines[one].split_once('=').unwrap();
        let (_, value) = lines[other].split_once('=').unwrap();
        let line = format!("{key}={value}");
        let lines: Vec<&str> =
            (0..lines.len()).map(|at| if at == one { line.as_str() } else { lines[at] }).collect();
        lines.join("\n")
    }

    fn lines(&mut self, text: &str, change: impl Fn(&mut Vec<String>, usize, usize)) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return String::new();
        }
        let [at, other] = [(); 2].map(|()| self.rng.random_range(0..lines.len()));
        change(&mut lines, at, other);
        lines.join("\n")
    }

    fn anywhere(&mut self, text: &str) -> usize {
        let at = self.rng.random_range(0..=text.len());
        boundary(text, at)
    }
}

/// The nearest offset before `at`, or `at` itself, that is between two characters.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Takes an input through everything that reads it, and prints it if it is the only one.
fn try_input(number: u64, corpus: &[String], alone: bool) {
    let mut mutator = Mutator { corpus, rng: ChaCha8Rng::seed_from_u64(number) };
    let text = mutator.input();
    let set = format!("{}={}", mutator.token(), mutator.token());
    let sets = if mutator.rng.random_ratio(1, 4) { vec![set] } else { Vec::new() };
    let platform =
        [None, None, None, Some("mac"), Some("rtx_4090"), Some("x.toml")][mutator.rng.random_range(0..6)];
    if alone {
        println!("--platform {platform:?} --set {sets:?}\n{text}");
    }
    let env = |name: &str| match name {
        "HOME" => Some("/home".to_owned()),
        "X" => Some("3".to_owned()),
        _ => None,
    };
    let read = |path: &Path| {
        let name = path.as_os_str().as_encoded_bytes();
        let hash =
            name.iter().fold(number, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        match hash % 3 {
            0 => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(corpus[(hash % corpus.len() as u64) as usize].clone()),
        }
    };
    let machine = Machine::default();
    let input = Input { name: "plans/fuzz.toml", text: &text, platform, sets: &sets };
    let plans = match plan::admit(check(&input, &machine, &env, &read)) {
        Ok(plans) => plans,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                assert!(!problem.labels().is_empty() && problem.advice().is_some(), "{problem}");
                for label in problem.labels() {
                    assert!(
                        (label.line(), label.column()) <= (label.end_line(), label.end_column()),
                        "{problem}"
                    );
                }
            }
            assert!(!problems.render(false).is_empty() && !problems.to_string().is_empty());
            return;
        }
    };
    for plan in plans.iter().take(3) {
        assert!(!plan::render::text(plan).is_empty() && !plan::origins::text(plan).is_empty());
        plan::Plan::from_json(&plan.to_json()).unwrap();
    }
    assert!(!plan::cases::text(&plans).is_empty());
    let texts = resolve(&input, &machine, &env, &read).unwrap();
    for (resolved, plan) in texts.iter().zip(&plans).take(3) {
        let again = Input { name: "resolved.toml", text: resolved, platform: None, sets: &[] };
        let read_back = load(&again, &machine, &env, &read)
            .unwrap_or_else(|problems| panic!("{}\n{resolved}", problems.render(false)));
        assert_eq!(plan::compile(&read_back[0]).experiment, plan.experiment, "{resolved}");
    }
}

#[test]
fn no_input_makes_the_loader_stumble() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let first = number("FUZZ_FROM").unwrap_or(0);
    let end = first + number("FUZZ_INPUTS").unwrap_or(INPUTS);
    let corpus = corpus();
    let next = AtomicU64::new(first);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (slowest, failed) = thread::scope(|scope| {
        let work = || {
            let (mut slowest, mut failed) = ((Duration::ZERO, first), Vec::new());
            loop {
                let input = next.fetch_add(1, Ordering::Relaxed);
                if input >= end {
                    return (slowest, failed);
                }
                let begin = Instant::now();
                if catch_unwind(AssertUnwindSafe(|| try_input(input, &corpus, end - first == 1))).is_err() {
                    failed.push(input);
                }
                slowest = slowest.max((begin.elapsed(), input));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(
            ((Duration::ZERO, first), Vec::new()),
            |(slowest, mut failed), (other, more)| {
                failed.extend(more);
                (slowest.max(other), failed)
            },
        )
    });
    println!("{} inputs; the slowest is {} with {:?}", end - first, slowest.1, slowest.0);
    assert!(failed.is_empty(), "inputs that stumbled, for `FUZZ_FROM=… FUZZ_INPUTS=1`: {failed:?}");
}
