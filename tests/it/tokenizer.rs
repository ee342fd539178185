//! Tokens counted by a model's own tokenizer: what is planned, what is sent, and what the server says of it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, Tokenizer, TokenizerBuilder,
    models::bpe::{BPE, BpeTrainer},
    pre_tokenizers::byte_level::ByteLevel,
};

use crate::{
    kit::Bench,
    server::{After, Out, Request, Server, stream_tokens},
};

/// Writes a `tokenizer.json` with byte-level BPE of so many tokens.
fn learn(path: &Path, vocabulary: usize) {
    let text = include_str!("../../LICENSE-APACHE");
    let mut tokenizer =
        TokenizerBuilder::<BPE, NormalizerWrapper, ByteLevel, PostProcessorWrapper, DecoderWrapper>::default(
        )
        .with_model(BPE::default())
        .with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)))
        .build()
        .unwrap();
    let alphabet = ByteLevel::alphabet().into_iter().collect();
    let trainer = BpeTrainer::builder().show_progress(false).vocab_size(vocabulary);
    let mut trainer = trainer.initial_alphabet(alphabet).build();
    tokenizer.train(&mut trainer, text.lines()).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    tokenizer.save(path, false).unwrap();
}

fn count(path: &Path, text: &str) -> usize {
    Tokenizer::from_file(path).unwrap().encode_fast(text, false).unwrap().len()
}

/// A server that answers prompts, and `/tokenize` by `tokenize`.
fn server(tokenize: impl Fn(&Request, &mut Out<'_>) + Send + Sync + 'static) -> Server {
    Server::start(move |request, out| {
        if request.path == "/tokenize" {
            tokenize(request, out);
        } else {
            stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        }
        After::KeepOpen
    })
}

fn no_route(_: &Request, out: &mut Out<'_>) {
    out.answer("404 Not Found", "text/plain", "");
}

/// The prompts that were sent, by the numbers of their requests.
fn prompts(server: &Server) -> BTreeMap<u64, String> {
    let asked = server.served().into_iter().filter(|served| served.request.path != "/tokenize");
    let numbered = asked.map(|served| {
        let id = served.request.headers.iter().find(|(name, _)| name == "x-request-id").unwrap();
        let (_, number) = id.1.rsplit_once('-').unwrap();
        let text = served.request.body["messages"][0]["content"].as_str().unwrap().to_owned();
        (number.parse().unwrap(), text)
    });
    numbered.collect()
}

fn scenario(bench: &Bench, url: &str, endpoint: &str, workload: &str) -> String {
    let text = format!(
        "version = 1\nname = \"counted\"\n[endpoints.main]\nurl = \"{url}\"\n{endpoint}\n[workloads.w.{workload}]\n\
         [phases.load]\nrequests = 6\nload.closed = {{ users = 2 }}\n"
    );
    bench.file("counted.toml", &text)
}

const FILE: &str = "tokenizer = \"models/tokenizer.json\"";
const FORTY: &str = "synthetic]\nprompt_tokens = 40\noutput_tokens = 2\nprefix = \"Please: \"\n#";

#[test]
fn prompts_are_as_long_as_the_tokenizer_says_whatever_the_threads() {
    let all: Vec<BTreeMap<u64, String>> = ["1", "4"]
        .into_iter()
        .map(|threads| {
            let (server, bench) = (server(no_route), Bench::new());
            let file = scenario(&bench, &server.url(), FILE, FORTY);
            let path = bench.path("models/tokenizer.json");
            learn(&path, 1200);
            let done = bench.run(&["run", &file, "--set", &format!("run.threads={threads}")]).expect_code(0);
            assert!(done.stdout.contains("tokenizer  main: "), "{}", done.stdout);
            let run = bench.only_run();
            assert!(run.text("report.html").contains("<dt>tokenizer</dt><dd>main: "));
            let prompts = prompts(&server);
            for prompt in prompts.values() {
                let own = count(&path, prompt) - count(&path, "Please: ");
                assert!((38..=42).contains(&own), "{own} tokens of {prompt}");
            }
            prompts
        })
        .collect();
    assert_eq!(all[0].len(), 6);
    assert_eq!(all[0], all[1]);
}

#[test]
fn what_is_shown_says_whether_it_was_counted() {
    let bench = Bench::new();
    let url = "http://127.0.0.1:9/v1";
    learn(&bench.path("models/tokenizer.json"), 1200);
    let by_file = scenario(&bench, url, FILE, FORTY);
    let before = count(&bench.path("models/tokenizer.json"), "Please: ");

    let done = bench.run(&["plan", &by_file]).expect_code(0);
    let tokens = (before + 40) * 6;
    for part in
        ["tokenizer   main: models/tokenizer.json, sha256 ", "the chat template of its server comes on top"]
    {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }
    let row = done.stdout.lines().find(|line| line.contains("2 users")).unwrap();
    assert!(row.contains(&format!(" {tokens} ")) && !row.contains(&format!("≈ {tokens}")), "{row}");
    assert!(!done.stdout.contains("by a rule for the text"), "{}", done.stdout);

    let done = bench.run(&["prompts", &by_file, "-n", "1"]).expect_code(0);
    assert!(!done.stdout.contains("about "), "{}", done.stdout);
    let line = |file: &str| -> Value {
        let done = bench.run(&["prompts", file, "-n", "1", "--json"]).expect_code(0);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let line_of_file = line(&by_file);
    assert!(line_of_file["prompt_tokens"].as_u64().unwrap().abs_diff(before as u64 + 40) <= 2);
    assert!(line_of_file.get("estimated_prompt_tokens").is_none());

    let named = scenario(&bench, url, "tokenizer = \"o200k_base\"", FORTY);
    let done = bench.run(&["plan", &named]).expect_code(0);
    assert!(done.stdout.contains("tokenizer   main: o200k_base of tiktoken"), "{}", done.stdout);
    assert_eq!(line(&named)["prompt_tokens"], 43);

    let estimated = scenario(&bench, url, "", FORTY);
    let done = bench.run(&["plan", &estimated]).expect_code(0);
    assert!(done.stdout.contains("by a rule for the text"), "{}", done.stdout);
    let line = line(&estimated);
    assert_eq!(line["estimated_prompt_tokens"], 42);
    assert!(line.get("prompt_tokens").is_none());
    let done = bench.run(&["prompts", &estimated, "-n", "1"]).expect_code(0);
    assert!(done.stdout.contains("about 42 prompt tokens"), "{}", done.stdout);
}

#[test]
fn a_tokenizer_is_part_of_the_experiment_where_it_cuts_prompts() {
    let bench = Bench::new();
    learn(&bench.path("models/tokenizer.json"), 600);
    learn(&bench.path("elsewhere/other.json"), 601);
    std::fs::copy(bench.path("models/tokenizer.json"), bench.path("elsewhere/same.json")).unwrap();
    bench.file("rows.jsonl", "{\"prompt\": \"one\"}\n{\"prompt\": \"two and three\"}\n");
    let plan = |workload: &str, arguments: &[&str]| -> Value {
        let file = scenario(&bench, "sim:rtx_4090", FILE, workload);
        let done = bench.run(&[&["plan", &file, "--format", "json"], arguments].concat()).expect_code(0);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let set = |path: &str| format!("endpoints.main.tokenizer={path}");
    let words = "synthetic]\nprompt_words = 30\n#";
    let shared = "synthetic]\nprompt_words = 30\nshared_prefix_tokens = 20\n#";
    let rows = "dataset]\npath = \"rows.jsonl\"\nrepeat = true\n#";
    let code = "snippets]\n#";
    for (workload, cut) in [(FORTY, true), (code, true), (shared, true), (words, false), (rows, false)] {
        let before = plan(workload, &[]);
        let tokenizer = &before["endpoints"][0]["tokenizer"];
        assert_eq!(tokenizer["counted"]["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(tokenizer["vocabulary"]["file"], "models/tokenizer.json");
        let moved = plan(workload, &["--set", &set("elsewhere/same.json")]);
        assert_eq!(moved["experiment"], before["experiment"], "{workload}");
        for other in ["elsewhere/other.json", "gpt2"] {
            let other = plan(workload, &["--set", &set(other)]);
            assert_eq!(other["experiment"] != before["experiment"], cut, "{workload}");
        }
    }
    let mean =
        |workload| plan(workload, &[])["endpoints"][0]["tokenizer"]["counted"]["mean_prompt_tokens"].clone();
    let path = bench.path("models/tokenizer.json");
    let expected = (count(&path, "one") + count(&path, "two and three")) as f64 / 2.0;
    assert_eq!(mean(rows), json!(expected));

    // answers are asked for that are as long as those of the file
    let said = "one and two and three";
    bench.file(
        "chats.json",
        &format!(r#"[{{"conversations": [{{"from": "human", "value": "count"}}, {{"from": "gpt", "value": "{said}"}}]}}]"#),
    );
    let chats = "dataset]\npath = \"chats.json\"\nrepeat = true\n#";
    let before = plan(chats, &[]);
    assert_eq!(
        before["endpoints"][0]["tokenizer"]["counted"]["mean_output_tokens"],
        json!(count(&path, said) as f64)
    );
    assert_ne!(plan(chats, &["--set", &set("gpt2")])["experiment"], before["experiment"]);
    let file = scenario(&bench, "sim:rtx_4090", FILE, chats);
    let done = bench.run(&["prompts", &file, "-n", "1"]).expect_code(0);
    let asked = format!("{} output tokens asked for", count(&path, said));
    assert!(done.stdout.contains(&asked), "{asked}\n{}", done.stdout);

    let file = scenario(&bench, "sim:rtx_4090", FILE, FORTY);
    let text = std::fs::read_to_string(bench.path(&file)).unwrap();
    let other = bench.file("other.toml", &text.replace("models/tokenizer.json", "elsewhere/other.json"));
    let done = bench.run(&["plan", &file, "--diff", &other]).expect_code(0);
    assert!(done.stdout.lines().any(|line| line.contains("tokenizers  main: ")), "{}", done.stdout);

    // as one file, it finds its tokenizer
    let before = plan(FORTY, &[]);
    let resolved = bench.run(&["plan", &file, "--resolved"]).expect_code(0);
    let resolved = bench.file("resolved.toml", &resolved.stdout);
    let done = bench.run(&["plan", &resolved, "--format", "json"]).expect_code(0);
    let again: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(again["experiment"], before["experiment"]);
}

#[test]
fn a_run_can_be_run_again_while_the_tokenizer_is_the_same() {
    let (server, bench) = (server(no_route), Bench::new());
    let path = bench.path("parts/models/tokenizer.json");
    learn(&path, 600);
    // named by an included file, whose folder the path starts at
    bench.file("parts/main.toml", &format!("[endpoints.main]\n{FILE}\n"));
    let text = format!(
        "version = 1\nname = \"again\"\ninclude = [\"parts/main.toml\"]\nendpoints.main.url = \"{}\"\n\
         workloads.w.synthetic = {{ prompt_tokens = 20, output_tokens = 2 }}\n[phases.load]\nrequests = 2\n\
         load.closed = {{ users = 1 }}\n",
        server.url()
    );
    let file = bench.file("again.toml", &text);
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let run = bench.only_run();
    let folder = run.path().to_str().unwrap().to_owned();
    // from another folder
    let mut command = bench.command(&["rerun", &folder, "--quiet"]);
    let done: crate::kit::Done = command.current_dir(bench.path("parts")).output().unwrap().into();
    done.expect_code(0);
    let sent = server.served().len();

    learn(&path, 601);
    let done = bench.run(&["rerun", &folder]).expect_code(2);
    assert!(
        done.stderr.contains("is no longer the tokenizer that the plan was made with"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("nothing was sent"), "{}", done.stderr);
    std::fs::remove_file(&path).unwrap();
    bench.run(&["rerun", &folder]).expect_code(2);
    let done = bench.run(&["check", &file]).expect_code(2);
    for part in ["parts/main.toml:2:13", "there is no such file"] {
        assert!(
            done.stderr.contains(part) || done.stdout.contains(part),
            "{part}\n{}{}",
            done.stdout,
            done.stderr
        );
    }
    assert_eq!(server.served().len(), sent);
}

/// What servers answer at `/tokenize`, by the count that they are to tell: `None` where a question is not theirs.
fn llama_cpp(body: &Value, more: usize) -> Value {
    let tokens = body["content"].as_str().map_or(0, |text| cl100k(text) + more);
    json!({ "tokens": vec![1; tokens] })
}

fn cl100k(text: &str) -> usize {
    tiktoken_rs::cl100k_base_singleton().encode_ordinary(text).len()
}

#[test]
fn a_server_that_counts_otherwise_is_told_before_anything_is_sent() {
    let asked = Arc::new(AtomicU64::new(0));
    for (vllm, more) in [(false, 0), (true, 0), (false, 3), (true, 3)] {
        let server = {
            let asked = Arc::clone(&asked);
            server(move |request, out| {
                asked.fetch_add(1, Ordering::Relaxed);
                if !vllm {
                    let answer = llama_cpp(&request.body, more);
                    return out.answer("200 OK", "application/json", &answer.to_string());
                }
                let Some(text) = request.body["prompt"].as_str() else {
                    return out.answer("400 Bad Request", "application/json", "{\"object\": \"error\"}");
                };
                assert_eq!(request.body["model"], "scripted");
                assert_eq!(request.body["add_special_tokens"], false);
                let answer = json!({ "count": cl100k(text) + more, "max_model_len": 4096, "tokens": [1] });
                out.answer("200 OK", "application/json", &answer.to_string());
            })
        };
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "tokenizer = \"cl100k_base\"", FORTY);
        let done = bench.run(&["run", &file, "--quiet"]).expect_code(if more == 0 { 0 } else { 4 });
        assert_eq!(prompts(&server).len(), if more == 0 { 6 } else { 0 });
        if more > 0 {
            let text = "endpoint `main`: `cl100k_base` makes ";
            for part in [
                text,
                "/tokenize`)",
                "not the tokenizer of `scripted`",
                "help: set `endpoints.main.tokenizer`",
            ] {
                assert!(done.stderr.contains(part), "{part}\n{}", done.stderr);
            }
            let (_, counts) = done.stderr.split_once(text).unwrap();
            let numbers: Vec<u64> = counts.split(' ').filter_map(|word| word.parse().ok()).take(2).collect();
            assert_eq!(numbers[0] + 3, numbers[1], "{}", done.stderr);
        }
    }
    assert!(asked.load(Ordering::Relaxed) >= 4);
}

#[test]
fn a_server_that_does_not_say_is_no_problem() {
    for (status, body) in [
        ("404 Not Found", "{\"detail\": \"Not Found\"}"),
        ("500 Internal Server Error", ""),
        ("200 OK", "no json"),
        ("200 OK", "{\"tokens\": []}"),
        ("200 OK", "[[1, 2, 3]]"),
    ] {
        let server = server(move |_, out| out.answer(status, "application/json", body));
        let bench = Bench::new();
        let file = scenario(&bench, &server.url(), "tokenizer = \"cl100k_base\"", FORTY);
        bench.run(&["run", &file, "--quiet"]).expect_code(0);
        assert_eq!(prompts(&server).len(), 6, "{status} {body}");
    }
    // without a tokenizer nobody asks
    let server = server(|_, _| panic!("asked for tokens"));
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "", FORTY);
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    assert_eq!(server.served().len(), 6);
}
