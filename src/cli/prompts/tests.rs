//! What is sent follows from the plan and the number of the request, whoever sends it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::*;
use crate::cli::load::compile;

/// Every kind of workload that no scenario of the folder has, and what is chosen by the number of a request.
const OTHERS: &str = r#"
version = 1
name = "others"

[endpoints.filled]
url = "sim:rtx_4090"
workload = "filled"
model = { base = 0.5, adapter_a = 0.3, adapter_b = 0.2 }

[endpoints.counted]
url = "sim:rtx_4090"
workload = "grouped"
tokenizer = "cl100k_base"

[endpoints.described]
url = "http://127.0.0.1:9/v1"
protocol = "http"
workload = "code"
http = { path = "/generate", body = '{ "q": "{{prompt}}", "n": {{output_tokens}} }', text = "text" }

[endpoints.several]
url = "http://127.0.0.1:9"
protocol = "openai_embeddings"
model = "m"
workload = "rows"

[workloads.filled.dataset]
path = "scenarios/data/questions.jsonl"
template = '{{seq}}: {{choice "shortly" "at length"}}, {{row.messages.[0].content}} ({{number 1 1000}})'

[workloads.grouped.synthetic]
prompt_tokens.uniform = { min = 20, max = 60 }
output_tokens.normal = { mean = 30, std_dev = 9 }
shared_prefix_tokens = 40
shared_prefix_groups = 3

[workloads.code.snippets]
prompt_tokens = 150

[workloads.rows.dataset]
path = "scenarios/data/questions.jsonl"
field = "/messages/0/content"

[phases.spread]
requests = 120
load.open.rate = 50
endpoints = ["filled", "counted", "described"]

[phases.batches]
requests = 30
load.closed.users = 2
endpoints = ["several"]
batch_sizes = [4]
"#;

/// Requests of a step that are compared, at most.
const COMPARED: u64 = 120;

fn plan(name: &str, text: &str) -> Plan {
    let machine = Machine::default();
    let plans = compile(name, text, &Overrides::default(), &machine, &mut Datasets::default());
    plans.unwrap_or_else(|problems| panic!("{name}: {}", problems.render(false))).swap_remove(0)
}

/// The SHA-256 of the bodies of a plan in the order of their numbers, where each of so many clients, which share nothing, makes those
/// whose turn it is in an order of its own.
fn hash(plan: &Plan, shards: u64) -> Vec<u8> {
    let mut bodies = BTreeMap::new();
    for shard in 0..shards {
        let sources = sources(plan, &mut Datasets::default()).expect("files are there");
        for (step, load) in plan.loads() {
            let requests = load.requests.unwrap_or(COMPARED).min(COMPARED);
            let own = (0..requests).map(|index| load.first_seq + index).filter(|seq| seq % shards == shard);
            let mut own: Vec<u64> = own.collect();
            if shard % 2 == 1 {
                own.reverse();
            }
            for seq in own {
                let (endpoint, prompts) = request_of(plan, load, seq, |endpoint| &sources[endpoint]);
                let endpoint = &plan.endpoints[endpoint];
                let model = model_of(&endpoint.model, plan.seed, chosen_by(plan, load, seq));
                bodies.insert((step.id, seq), body(endpoint, model, &prompts.expect("a prompt")));
            }
        }
    }
    let hash = bodies.iter().fold(Sha256::new(), |hash, ((step, seq), body)| {
        hash.chain_update(format!("{step} {seq} {}\n", body.len())).chain_update(body)
    });
    hash.finalize().to_vec()
}

#[test]
fn bodies_are_the_same_for_any_number_of_shards() {
    let mut plans = vec![plan("others.toml", OTHERS)];
    for file in std::fs::read_dir("scenarios").expect("a folder").flatten() {
        let path = file.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = std::fs::read_to_string(&path).expect("a file");
            plans.push(plan(&path.display().to_string(), &text));
        }
    }
    assert!(plans.len() > 15, "{}", plans.len());
    for plan in &plans {
        let alone = hash(plan, 1);
        for shards in [2, 5] {
            assert_eq!(hash(plan, shards), alone, "{}: {shards} shards", plan.name);
        }
        let other_seed = Plan { seed: plan.seed + 1, ..plan.clone() };
        assert_ne!(hash(&other_seed, 1), alone, "{}: bodies follow from the seed", plan.name);
    }
}
