//! A phase that has to be steady, and a server that gets slower and slower.

use std::time::Duration;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

fn slower_and_slower() -> Server {
    Server::start(|request, out| {
        stream_tokens(out, Duration::from_micros(2000 + 100 * request.number), Duration::ZERO, 1);
        After::KeepOpen
    })
}

fn scenario(url: &str, require_steady: bool) -> String {
    format!(
        r#"
        version = 1
        name = "steady"
        [endpoints.main]
        url = "{url}"
        [phases.load]
        require_steady = {require_steady}
        requests = 220
        load.closed = {{ users = 1 }}
        "#
    )
}

#[test]
fn only_what_has_to_be_steady_is_void_where_it_is_not() {
    for (require_steady, code) in [(true, 3), (false, 0)] {
        let server = slower_and_slower();
        let bench = Bench::new();
        let file = bench.file("steady.toml", &scenario(&server.url(), require_steady));
        let done = bench.run(&["run", &file]).expect_code(code);
        let summary = bench.only_run().json("summary.json");
        let checks = summary["validity"].as_array().unwrap();
        let check = checks.iter().find(|check| check["id"] == "6").unwrap();
        assert_eq!((&check["ok"], &check["void"]), (&false.into(), &require_steady.into()), "{check}");
        assert_eq!(done.stdout.contains("INVALID"), require_steady, "{}", done.stdout);
        let advice = check["advice"].as_str().unwrap();
        assert_eq!(advice.contains("`load` had to be steady"), require_steady, "{advice}");
    }
}
