//! Check 9: what servers count, and what we count.

use super::*;
use crate::{
    catalog::Quantity::{self, ServerGenerationTokens, ServerPromptTokens, ServerRequests},
    metrics::{Counted, ServerCounts},
};

fn counted(quantity: Quantity, server: u64, low: u64, high: u64) -> Counted {
    Counted { quantity, server, low, high, open: u64::from(low < high), from_chunks: 0 }
}

/// The check of a run whose servers counted this.
fn checked(counts: &[ServerCounts]) -> Option<Check> {
    let run = run_of(&[10; 10]);
    let mut summary = run.summary();
    summary.server_counts = counts.to_vec();
    let verdict = judge(&run.plan, &summary);
    // a caution, and no fault of the measuring
    assert_eq!(verdict.conclusion, Conclusion::Pass);
    verdict.validity.into_iter().find(|check| check.id == "9")
}

fn server(counts: &[Counted]) -> ServerCounts {
    ServerCounts { endpoints: vec!["chat".to_owned()], key: None, counts: counts.to_vec(), why_not: None }
}

#[test]
fn check_9_holds_servers_and_records_against_each_other() {
    assert_eq!(checked(&[]), None, "no server counts");
    let chunks = Counted { from_chunks: 40, ..counted(ServerGenerationTokens, 200, 160, 160) };
    let key = ScopeKey { phase: "load".to_owned(), step: Some("users=4".to_owned()), endpoint: None };
    let all = [
        counted(ServerRequests, 40, 40, 40),
        counted(ServerPromptTokens, 400, 400, 400),
        counted(ServerGenerationTokens, 163, 160, 160),
    ];
    let mut shown = Vec::new();
    for (ok, counts) in [
        (true, vec![server(&all)]),
        (true, vec![server(&[counted(ServerRequests, 39, 38, 40)])]),
        (
            true,
            vec![ServerCounts {
                counts: Vec::new(),
                why_not: Some("it was started again".to_owned()),
                ..server(&[])
            }],
        ),
        (
            false,
            vec![server(&[
                counted(ServerRequests, 45, 40, 40),
                counted(ServerGenerationTokens, 180, 160, 160),
            ])],
        ),
        (false, vec![server(&[counted(ServerRequests, 20, 40, 40)])]),
        (false, vec![server(&[chunks])]),
        (false, vec![server(&[counted(ServerPromptTokens, 440, 400, 400)])]),
        (false, vec![server(&[counted(ServerGenerationTokens, 5, 0, 0)])]),
        (
            false,
            vec![
                server(&all),
                ServerCounts { key: Some(key), ..server(&[counted(ServerRequests, 1, 20, 20)]) },
            ],
        ),
    ] {
        let check = checked(&counts).expect("a check");
        assert_eq!((check.ok, check.void), (ok, false), "{check:?}");
        shown.push(format!("{}\n  → {}", check.value, check.advice));
    }
    insta::assert_snapshot!(shown.join("\n"), @"
    the server of `chat`: 40 requests, 400 prompt tokens, 163 output tokens
      → let the server serve nobody else while it is measured
    the server of `chat`: 39 requests (we: 38 to 40); 1 request without a whole answer, or sent twice, leaves that open
      → let the server serve nobody else while it is measured
    the server of `chat`: not compared, it was started again
      → let the server serve nobody else while it is measured
    the server of `chat` answered 5 more requests than we sent, 12.5 % (45 against 40); the server of `chat` counted 20 more output tokens than its answers say, 12.5 % (180 against 160)
      → somebody else uses it: let the server serve nobody else while it is measured
    the server of `chat` counted 20 fewer requests than it answered to us, 50.0 % (20 against 40)
      → the page may be that of one of several servers behind one URL: give each an endpoint of its own
    the server of `chat` counted 40 more output tokens than came in chunks, 25.0 % (200 against 160)
      → chunks are no tokens there: let the server send `usage`, by which tokens are then counted
    the server of `chat` counted 40 more prompt tokens than its answers say, 10.0 % (440 against 400)
      → somebody else uses the server, or it counts tokens in its answers otherwise than on its page
    the server of `chat` counted 5 more output tokens than its answers say (5 against 0)
      → somebody else uses the server, or it counts tokens in its answers otherwise than on its page
    the server of `chat` in `load · users=4` counted 19 fewer requests than it answered to us, 95.0 % (1 against 20)
      → the page may be that of one of several servers behind one URL: give each an endpoint of its own
    ");
}
