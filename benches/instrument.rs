//! What the instrument costs and how exact it is.
//!
//! `cargo bench --bench instrument` prints a table, `cargo bench --bench instrument -- --json` JSON; names of parts run only
//! those:
//!
//! | part | what it tells |
//! |---|---|
//! | `stamps` | how far the arrival of every output event is from when the server wrote it |
//! | `cpu` | processor time of a token, against a bare loop of `epoll` and `recvmsg` over the same streams |
//! | `fast` | the same where the server sends as fast as it can |
//! | `pacing` | how late requests go out, against a bare loop that sleeps and writes under the same load |
//! | `trace` | how late the requests of a bursty trace reach the server, against a timer at the same instants |
//! | `held` | the memory of ten thousand open streams |
//! | `requests` | processor time of a whole request, its time to first token, and the highest rate, beside oha where it is installed |
//! | `soak` | the memory of a run of a million requests |
//! | `mm1` | whether a queue whose mean response is known is measured so |
//!
//! The server is the null server in a process of its own, which puts every write on record. All of it, server and client,
//! shares the processors of this machine.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

#[path = "instrument/bare.rs"]
mod bare;
#[path = "instrument/held.rs"]
mod held;
#[path = "instrument/mm1.rs"]
mod mm1;
#[path = "instrument/pacing.rs"]
mod pacing;
#[path = "instrument/requests.rs"]
mod requests;
#[path = "instrument/server.rs"]
mod server;
#[path = "instrument/streams.rs"]
mod streams;
#[path = "instrument/trace.rs"]
mod trace;

use scenario::stats::nearest_rank;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A name and its figures with their units.
pub(crate) type Figures = (String, Vec<(&'static str, f64, &'static str)>);

/// A part, and what gives its lines one after the other.
type Part = (&'static str, fn(&mut dyn FnMut(Figures)));

const PARTS: [Part; 9] = [
    ("stamps", streams::stamps),
    ("cpu", streams::cpu),
    ("fast", streams::fast),
    ("pacing", pacing::pacing),
    ("trace", trace::trace),
    ("held", held::held),
    ("requests", requests::requests),
    ("soak", held::soak),
    ("mm1", |tell| mm1::figures().into_iter().for_each(tell)),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let mut results = Vec::new();
    let mut tell = |(name, figures): Figures| {
        if !json {
            let figures: Vec<_> =
                figures.iter().map(|(name, value, unit)| format!("{name} {value:.4} {unit}")).collect();
            println!("{name:<28} {}", figures.join("  "));
        }
        let figures: serde_json::Map<_, _> =
            figures.into_iter().map(|(name, value, _)| (name.to_owned(), value.into())).collect();
        results.push(serde_json::json!({ "name": name, "figures": figures }));
    };
    raise_descriptors();
    // what asks the server for its stamps wants one, though it never uses it
    rustls::crypto::ring::default_provider().install_default().unwrap();
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|part| *part == name) {
            part(&mut tell);
        }
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&results).unwrap());
    }
}

fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// The nearest-rank quantile.
pub(crate) fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(nearest_rank(q, values.len() as u64) as usize - 1).copied().unwrap_or(0.0)
}
