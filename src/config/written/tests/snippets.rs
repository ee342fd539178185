//! Changes to a good scenario, judged by the reader and by the schema.

use super::*;

const BASE: &str = r#"
version = 1
name = "base"
[endpoints.main]
url = "http://127.0.0.1:8080/v1"
[workloads.w.synthetic]
prompt_tokens = 10
[phases.closed]
load.closed.users = 1
[phases.open]
duration = "5m"
load.open.rate = 1
[targets.t]
metric = "ttft.p95"
phase = "closed"
at_most = "500ms"
"#;

/// Lays a change over the base; `"-"` removes a key.
fn changed(change: &str) -> String {
    fn lay(below: &mut toml::Table, above: toml::Table) {
        for (key, value) in above {
            match (below.get_mut(&key), value) {
                (_, toml::Value::String(text)) if text == "-" => {
                    below.remove(&key);
                }
                (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay(below, above),
                (_, value) => {
                    below.insert(key, value);
                }
            }
        }
    }
    let mut table: toml::Table = BASE.parse().expect("valid TOML");
    lay(&mut table, change.parse().unwrap_or_else(|error| panic!("{change}: {error}")));
    table.to_string()
}

#[test]
fn both_take_the_same() {
    let validator = validator(&scenario_schema());
    for change in [
        "",
        "description = \"5 $ and ${NOBODY:-nobody}\"",
        "seed = 9223372036854775807",
        "name = \"${NOBODY:-x}\"",
        "run.drain = 0",
        "run.drain = \"0s\"",
        "run.drain = \"${NOBODY:-5s}\"",
        "run.max_in_flight = 1e3",
        "defaults.concurrency = 4",
        "defaults.timeout = \" 1 m 30 s \"",
        "endpoints.main.url = \"sim:rtx_4090\"",
        "endpoints.main.url = \"https://${HOST:-here}/v1/\"",
        "endpoints.main.weight = 2",
        "endpoints.main.model = { a = 1, \"org/b.c\" = 0.5 }",
        "endpoints.main.model = { a = \"${NOBODY:-2}\" }",
        "matrix.endpoints.main.model = [\"a\", { a = 1, b = 2 }]",
        "endpoints.main.check = { regex = \"^[0-9]+$\", min_length = 65536 }",
        "endpoints.main.check.json_schema = \"data/answer.schema.json\"",
        "endpoints.main.check.json_schema = {}",
        "matrix.endpoints.main.check.regex = [\"a\", \"b\"]",
        "endpoints.main.stream = \"${NOBODY:-true}\"",
        "endpoints.main.api_key.env = \"KEY\"",
        "workloads.w.synthetic.prompt_tokens = { constant = 5 }",
        "workloads.w.synthetic = { prompt_tokens = \"-\", prompt_words = { poisson.mean = 0.5 } }",
        "phases.closed.load.closed.users = [1, 2]",
        "phases.open.load.open.rate = [\"1/s\", \"90/min\"]",
        "phases.open.load.open = { rate = \"-\", stages = [{ hold = 1, over = \"5m\" }] }",
        "phases.open.load.open.arrivals.gamma.cv = 0.01",
        "phases.rest.pause = 1",
        "phases.closed = { require_steady = true, requests = 200 }",
        "targets.t = { metric = \"error_rate\", at_most = \"5 %\" }",
        "targets.t = { metric = \"error_rate\", at_most = 0.05 }",
        "targets.t = { metric = \"tokens_per_chunk.mean\", at_most = 2.5 }",
        "targets.t = { metric = \"requests_per_second\", at_most = \"90/min\" }",
        "targets.t = { metric = \"e2e\", at_most = \"-\", between = [0.1, \"2s\"] }",
        "targets.t = { metric = \"${NOBODY:-e2e.max}\", at_most = 5 }",
        "platforms.mac.targets.t.at_most = 1",
        "run.allow_hosts = []",
        "run.allow_hosts = [\"[::1]\", \"example.com\", \"10.0.0.1\"]",
        "run.ceiling = { requests = 1_000_000, rate = 1000, duration = \"24h\" }",
        "run = { repeats = 5, threads = 2 }",
        "run.threads = \"all\"",
        "output = { formats = [], chunks = \"none\", prompts = true }",
        "endpoints.main.headers = { X-Team = \"a\", Authorization.env = \"A\" }",
        "endpoints.main.body = { temperature = 0, a.b = [1, { c = true }] }",
        "endpoints.main.body.tools = [{ name = \"f\", model = \"m\", parameters.properties = { n.type = \"integer\", echo = 1 } }]",
        "endpoints.main = { protocol = \"http\", http = { path = \"/a\", body = \"{}\", text = \"\", end = \"/b~1c\" } }",
        "endpoints.main = { protocol = \"http\", http = { path = \"/a\", body = \"{}\", text = \"a/b\", end = { at = \"x\", is = 1 } } }",
        "workloads.w.synthetic = { shared_prefix_share = \"60%\", shared_prefix_groups = 4 }",
        "endpoints.main.http_version = \"auto\"",
        "endpoints.main = { url = \"https://a\", tls = {} }",
        "endpoints.main = { url = \"https://a\", tls = { ca = \"${NOBODY:-ca.pem}\" } }",
        "endpoints.main.protocol = \"openai_completions\"\nphases.closed.batch_sizes = \"default\"",
        "endpoints.main.protocol = \"openai_completions\"\nphases.closed.batch_sizes = [1, 4]",
        "defaults.max_endpoints = 2",
        "phases.open.after = []",
        "phases.rest = { pause = 1, after = \"closed\" }",
        "phases.beside = { during = \"open\", load.closed.users = 1 }",
        "phases.beside = { after = [\"closed\"], load.same_as = \"open\" }",
        "run.on_inconclusive = \"warn\"",
        "run.on_bottleneck = \"warn\"",
        "run.calibrate = \"${NOBODY:-true}\"",
        "objectives.itl = 0.5",
        "monitoring.enabled = false",
        "monitoring = { interval = \"10ms\", energy_interval = 3600 }",
        "endpoints.main.pid = 4242",
        "price.per_hour = 1",
        "price.per_million_output_tokens = 0",
        "price.per_hour = 1\ntargets.t = { metric = \"cost_per_million_tokens\", at_most = 2 }",
        "targets.t.abort.after = \"10s\"",
        "include = []",
        "name = \"-\"\ninclude = [\"include/named.toml\"]",
        "matrix = {}",
        "matrix.seed = [1, \"${NOBODY:-2}\"]",
        "matrix.run.drain = [1, \"2s\"]",
        "matrix.phases.closed.load.closed.users = [1, [2, 3]]",
        "matrix.phases.closed.load = [{ closed.users = 2 }, { open.rate = 2 }]",
        "matrix.workloads.w.synthetic.prompt_tokens = [5, { uniform = { min = 1, max = 2 } }]",
        "matrix.workloads.w.synthetic.output_tokens.constant = [5, 6]",
    ] {
        let text = changed(change);
        if let Err(refused) = compile(&text) {
            panic!("the reader refuses `{change}`: {}", refused.render(false));
        }
        assert_eq!(problems(&validator, &document(&text)), "", "the schema refuses `{change}`");
    }
}

#[test]
fn both_refuse_the_same() {
    let validator = validator(&scenario_schema());
    for change in [
        "version = 2",
        "version = \"-\"",
        "name = \"-\"",
        "name = \"a b\"",
        "name = 5",
        "nmae = \"x\"",
        "seed = -1",
        "seed = 1.5",
        "description = 5",
        "run.label = true",
        "run.max_in_flight = 0",
        "run.max_in_flight = 5_000_000_000",
        "run.max_in_flight = \"100\"",
        "run.drain = -1",
        "run.drain = \"5 %\"",
        "run.drain = \"\"",
        "run.drain = \"1m30\"",
        "run.ready_timeout = \"0 ms\"",
        "run.ready_timeout = 0",
        "run.ready_timeout = [1]",
        "defaults.concurrency = []",
        "defaults.concurrency = [1, 1]",
        "defaults.concurrency = [0]",
        "endpoints = 5",
        "endpoints.\"a b\".url = \"sim:mac\"",
        "endpoints.main.url = \"127.0.0.1\"",
        "endpoints.main.url = \"sim:\"",
        "endpoints.main.url = \"http://user:pass@host\"",
        "endpoints.main.url = \"http://host/v1/chat/completions\"",
        "endpoints.main.url = \"http://host?x\"",
        "endpoints.main.protocol = \"openai\"",
        "endpoints.main.weight = -1",
        "endpoints.main.stream = \"yes\"",
        "endpoints.main.timeout = 0",
        "endpoints.main.api_key = \"secret\"",
        "endpoints.main.api_key = {}",
        "endpoints.main.api_key.env = \"${KEY}\"",
        "endpoints.main.api_key = { env = \"A\", file = \"b\" }",
        "workloads.w.snippets = {}",
        "workloads.w.synthetic.prompt_words = 5",
        "workloads.w.synthetic.prompt_tokens = 0",
        "workloads.w.synthetic.prompt_tokens = 1.5",
        "workloads.w.synthetic.prompt_tokens = 2_000_000",
        "workloads.w.synthetic.prompt_tokens = { constant = 5, uniform = { min = 1, max = 2 } }",
        "workloads.w.synthetic.prompt_tokens = { normal = { mean = 0, std_dev = 1 } }",
        "workloads.w.synthetic.shared_prefix_tokens = -1",
        "phases.closed.users = 1",
        "phases.closed.requests = 0",
        "phases.closed.endpoints = []",
        "phases.closed.endpoints = \"main\"",
        "phases.closed.load = 5",
        "phases.closed.load = { closed = \"-\" }",
        "phases.closed.load.open.rate = 1",
        "phases.closed.load.closed.users = 0",
        "phases.closed.pause = 5",
        "phases.rest = { pause = 5, requests = 1 }",
        "phases.rest = { pause = 0 }",
        "phases.open.load.open.rate = 0",
        "phases.open.load.open.rate = \"1/day\"",
        "phases.open.load.open.arrivals = \"gamma\"",
        "phases.open.load.open.arrivals = { gamma.cv = 20 }",
        "phases.open.load.open.arrivals = { weibull.cv = 2 }",
        "phases.open.load.open.stages = [{ hold = 1, over = 1 }]",
        "phases.open.load.open = { rate = \"-\", stages = [] }",
        "phases.open.load.open = { rate = \"-\", stages = [{ hold = 1 }] }",
        "phases.open.load.open = { rate = \"-\", stages = [{ from = 1, over = 1 }] }",
        "phases.open.load.open = { rate = \"-\", stages = [{ hold = 1, to = 1, over = 1 }] }",
        "phases.open.load.open.concurrency_limit = 0",
        "phases.open.load.open.spikes.every = 0",
        "targets.t.metric = \"latency\"",
        "targets.t.metric = \"error_rate.p95\"",
        "targets.t.at_least = 1",
        "targets.t.at_most = \"5%\"",
        "targets.t.at_most = -1",
        "targets.t.severity = \"fatal\"",
        "targets.t = { metric = \"error_rate\", at_most = 5 }",
        "targets.t = { metric = \"error_rate\", at_most = \"5s\" }",
        "targets.t = { metric = \"requests_per_second\", at_most = \"5s\" }",
        "targets.t = { metric = \"tokens_per_chunk\", at_most = \"5\" }",
        "targets.t = { at_most = \"-\", between = [1] }",
        "sims.s.jitter = \"3 s\"",
        "sims.s.jitter = 1.5",
        "sims.s.kv_cache_tokens = 15",
        "sims.s.kv_cache_tokens = \"64k\"",
        "sims.s.faults.stall = 1",
        "platforms.mac.version = 1",
        "run.allow_hosts = \"example.com\"",
        "run.allow_hosts = [\"http://example.com\"]",
        "run.allow_hosts = [\"example.com:80\"]",
        "run.allow_hosts = [\"\"]",
        "run.ceiling.requests = 1_000_001",
        "run.ceiling.rate = 1001",
        "run.ceiling.duration = 100_000",
        "run.ceiling.users = 5",
        "run.repeats = 0",
        "run.repeats = 1001",
        "run.threads = \"some\"",
        "run.threads = 2000",
        "output.formats = [\"json\"]",
        "output.formats = [\"csv\", \"csv\"]",
        "output.chunks = \"all\"",
        "output.prompts = 1",
        "endpoints.main.headers = 5",
        "endpoints.main.body = 5",
        "endpoints.main.model = {}",
        "endpoints.main.model = [\"a\"]",
        "endpoints.main.model = { a = 0 }",
        "endpoints.main.model = { a = 1, auto = 1 }",
        "endpoints.main.check = {}",
        "endpoints.main.check = \"[0-9]\"",
        "endpoints.main.check.regex = \"\"",
        "endpoints.main.check.min_length = 0",
        "endpoints.main.check.min_length = 65537",
        "endpoints.main.check.json_schema = 5",
        "endpoints.main.check.json_schema = \"http://127.0.0.1/a.json\"",
        "endpoints.main.check.max_length = 5",
        "endpoints.main.body = [1]",
        "endpoints.main.headers.Authorization = \"Bearer 5\"",
        "endpoints.main.headers.X-My-Token = \"5\"",
        "endpoints.main.headers.host = \"5\"",
        "endpoints.main.headers.\"x y\" = \"5\"",
        "endpoints.main.headers.x-y = 5",
        "endpoints.main.headers.x-y = \"a\\nb\"",
        "endpoints.main.headers.x-y = { env = \"A\", file = \"b\" }",
        "endpoints.main.http_version = 2",
        "endpoints.main.http_version = \"3\"",
        "endpoints.main.tls = true",
        "endpoints.main.tls.ca = \"\"",
        "endpoints.main.tls.insecure = \"yes\"",
        "endpoints.main.tls.key = \"-----BEGIN PRIVATE KEY-----\"",
        "endpoints.main.tls.server_name = \"a\"",
        "defaults.batch_sizes = [2000]",
        "endpoints.main.protocol = \"openai_completions\"\nphases.closed.batch_sizes = \"defaults\"",
        "phases.rest = { pause = 5, batch_sizes = 1 }",
        "phases.rest = { pause = 5, require_steady = true }",
        "phases.closed.require_steady = \"yes\"",
        "defaults.max_endpoints = 0",
        "phases.open.after = [\"closed\", \"closed\"]",
        "phases.open.after = 1",
        "phases.rest = { pause = 1, during = \"open\" }",
        "phases.beside = { during = \"open\", after = \"closed\", load.closed.users = 1 }",
        "phases.open.load.same_as = \"closed\"",
        "run.on_inconclusive = \"pass\"",
        "run.on_bottleneck = \"fail\"",
        "run.calibrate = \"short\"",
        "objectives.ttft = 0",
        "objectives.\"ttft.p95\" = 1",
        "monitoring.interval = 0",
        "monitoring.interval = 0.001",
        "monitoring.energy_interval = 4000",
        "monitoring.enabled = 1",
        "monitoring.intervall = 1",
        "endpoints.main.pid = 0",
        "endpoints.main.pid = \"vllm\"",
        "price.per_hour = 0",
        "price = { per_hour = 1, per_million_input_tokens = 1 }",
        "price.per_hour = 1\ntargets.t = { metric = \"cost_per_million_tokens\", at_most = \"2s\" }",
        "targets.t.abort = \"10s\"",
        "targets.t.abort.after = \"-10s\"",
        "include = \"one.toml\"",
        "include = [5]",
        "matrix = []",
        "matrix.seed = 1",
        "matrix.seed = []",
        "matrix.seed = [1, 1]",
        "matrix.version = [1]",
        "matrix.run.platform = [\"mac\"]",
        "matrix.endpoints.main.urls = [\"sim:mac\"]",
        "matrix.endpoints.main.url = [\"sim:mac\", \"nowhere\"]",
        "matrix.phases.closed.load.closed.users = 5",
        "matrix.phases.closed.load.closed.users = [0]",
        "platforms.mac.run.platform = \"mac\"",
        "platforms.mac.targets.t.at_most = \"5%%\"",
    ] {
        let text = changed(change);
        assert!(compile(&text).is_err(), "the reader takes `{change}`");
        assert_ne!(problems(&validator, &document(&text)), "", "the schema takes `{change}`");
    }
}
