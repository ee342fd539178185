//! Check 9: what servers counted by their own pages is what the records say.

use crate::{
    catalog::Quantity,
    metrics::{Counted, ServerCounts, Summary},
    units::{show_count, show_count_of, show_share},
    verdict::Check,
};

/// How far the two counts may lie apart.
const ALLOWED_APART: f64 = 0.02;

/// What keeps both alike.
const ALONE: &str = "let the server serve nobody else while it is measured";

/// Check 9: servers and records count the same; `None` where no server counts.
pub(super) fn counted_alike(summary: &Summary) -> Option<Check> {
    if summary.server_counts.is_empty() {
        return None;
    }
    let (mut alike, mut faults, mut advice) = (Vec::new(), Vec::new(), Vec::new());
    for of in &summary.server_counts {
        let name = name(of);
        if let Some(why) = &of.why_not {
            alike.push(format!("{name}: not compared, {why}"));
            continue;
        }
        let beyond: Vec<&Counted> = of.counts.iter().filter(|count| is_beyond(count)).collect();
        faults.extend(beyond.iter().map(|count| format!("{name} {}", fault(count))));
        advice.extend(reason(&beyond));
        // a step says what the run has said, where it says the same
        if beyond.is_empty() && of.key.is_none() {
            alike.push(format!("{name}: {}", agreement(&of.counts)));
        }
    }
    let ok = faults.is_empty();
    advice.sort_unstable();
    advice.dedup();
    Some(Check {
        id: "9",
        name: "servers count what we count",
        void: false,
        ok,
        value: if ok { alike } else { faults }.join("; "),
        limit: format!(
            "requests and tokens by the server's own page within {} of what all records of its endpoints, warm-up included, allow",
            show_share(ALLOWED_APART)
        ),
        advice: if ok { ALONE.to_owned() } else { advice.join("; ") },
    })
}

/// Whether the two counts disagree.
fn is_beyond(count: &Counted) -> bool {
    count.gap().abs() > ALLOWED_APART
}

fn name(of: &ServerCounts) -> String {
    let server = format!("the server of `{}`", of.endpoints.join("`, `"));
    match &of.key {
        Some(key) => format!("{server} in `{key}`"),
        None => server,
    }
}

fn noun(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::ServerRequests => "request",
        Quantity::ServerPromptTokens => "prompt token",
        Quantity::ServerPromptTokensComputed => "computed prompt token",
        _ => "output token",
    }
}

/// What the records say: a number, or from where to where it may be.
fn ours(count: &Counted) -> String {
    if count.low == count.high {
        show_count(count.high)
    } else {
        format!("{} to {}", show_count(count.low), show_count(count.high))
    }
}

/// Where two counts disagree.
fn fault(count: &Counted) -> String {
    let Counted { quantity, server, low, high, from_chunks, .. } = *count;
    let (more, apart) = (server > high, if server > high { server - high } else { low - server });
    let apart = show_count_of(apart, &format!("{} {}", if more { "more" } else { "fewer" }, noun(quantity)));
    // the records say nothing of how many there should be where there are to be none
    let share =
        Some(count.gap().abs()).filter(|gap| gap.is_finite()).map(|gap| format!(", {}", show_share(gap)));
    let (did, than) = match (quantity, more) {
        (Quantity::ServerRequests, true) => ("answered", "than we sent"),
        (Quantity::ServerRequests, false) => ("counted", "than it answered to us"),
        (Quantity::ServerGenerationTokens, _) if from_chunks > 0 => ("counted", "than came in chunks"),
        _ => ("counted", "than its answers say"),
    };
    format!(
        "{did} {apart} {than}{} ({} against {})",
        share.unwrap_or_default(),
        show_count(server),
        ours(count)
    )
}

/// What is behind counts of one server that disagree, as far as they tell.
fn reason(beyond: &[&Counted]) -> Option<&'static str> {
    let requests = beyond.iter().find(|count| count.quantity == Quantity::ServerRequests);
    Some(match (requests, beyond) {
        (None, []) => return None,
        (Some(requests), _) if requests.server > requests.high => {
            "somebody else uses it: let the server serve nobody else while it is measured"
        }
        (Some(_), _) => {
            "the page may be that of one of several servers behind one URL: give each an endpoint of its own"
        }
        (None, [count, ..]) if count.from_chunks > 0 => {
            "chunks are no tokens there: let the server send `usage`, by which tokens are then counted"
        }
        (None, _) => {
            "somebody else uses the server, or it counts tokens in its answers otherwise than on its page"
        }
    })
}

/// What both say.
fn agreement(counts: &[Counted]) -> String {
    let each = counts.iter().map(|count| {
        let number = show_count_of(count.server, noun(count.quantity));
        // what is left open is part of what was found
        if count.low == count.high { number } else { format!("{number} (we: {})", ours(count)) }
    });
    let open = counts.iter().map(|count| count.open).max().unwrap_or(0);
    let each = each.collect::<Vec<_>>().join(", ");
    if open == 0 {
        return each;
    }
    let (requests, leave) = (show_count_of(open, "request"), if open == 1 { "leaves" } else { "leave" });
    format!("{each}; {requests} without a whole answer, or sent twice, {leave} that open")
}
