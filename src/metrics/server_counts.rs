//! What servers counted by their own pages, beside what the records say of the requests that they had.
//!
//! Servers count warm-up and whatever failed as well, so every record of a server's endpoints counts here. What became of a request
//! that has no whole answer only its server knows: it leaves a range.

use std::collections::BTreeMap;

use crate::{
    catalog::{Protocol, Quantity},
    plan::{Plan, ScopeKey},
    record::{Outcome, Record, Sample, SensorKind, Subject, TokenSource},
};

/// The counts of servers that records have, too.
const COMPARED: [Quantity; 4] = [
    Quantity::ServerRequests,
    Quantity::ServerPromptTokens,
    Quantity::ServerPromptTokensComputed,
    Quantity::ServerGenerationTokens,
];

/// What a server counted over a run, or over one step of it, beside the records of all its endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerCounts {
    /// Its endpoints, in the order of the plan.
    pub endpoints: Vec<String>,
    /// The step; `None` for the whole run. A step is here where its server had nothing else to do between a page before and one
    /// after it.
    pub key: Option<ScopeKey>,
    /// What both have counted; empty where that cannot be compared.
    pub counts: Vec<Counted>,
    /// Why it cannot, in words.
    pub why_not: Option<String>,
}

/// One count by both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// What.
    pub quantity: Quantity,
    /// By the server's page.
    pub server: u64,
    /// The fewest that the records allow.
    pub low: u64,
    /// The most that they allow: more than the fewest where requests have no whole answer, went out twice, or were not told of in full.
    pub high: u64,
    /// Requests without a whole answer, and those that went out twice.
    pub open: u64,
    /// Answers whose output was counted by chunks; only of output tokens.
    pub from_chunks: u64,
}

impl Counted {
    /// How far the server's count lies beyond what the records allow, as a share of the nearer bound: above 0 where it counted more, 0
    /// within the bounds, and infinite where the records allow none.
    pub fn gap(&self) -> f64 {
        let beyond = |bound: u64| match (self.server as f64 - bound as f64, bound) {
            (apart, 0) if apart > 0.0 => f64::INFINITY,
            (apart, bound) => apart / bound as f64,
        };
        if self.server > self.high {
            beyond(self.high)
        } else if self.server < self.low {
            beyond(self.low)
        } else {
            0.0
        }
    }
}

/// From the fewest to the most; `None` where nothing bounds it.
type Range = Option<(u64, u64)>;

/// What was sent, as far as records tell what a server must have counted of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sent {
    /// When the first request was sent.
    from_ns: u64,
    /// When the last one ended.
    to_ns: u64,
    requests: Range,
    prompt: Range,
    computed: Range,
    output: Range,
    open: u64,
    from_chunks: u64,
    /// Prompts of which nobody told how many tokens they had.
    untold: u64,
    /// The longest that anybody told of.
    longest: u64,
}

impl Sent {
    /// What a request comes to; `None` where it was not sent.
    fn of(record: &Record, protocol: Protocol) -> Option<Self> {
        let from_ns = record.sent_ns?;
        let prompts = u64::from(record.batch);
        let attempts = u64::from(record.attempts.max(1));
        let whole = matches!(record.outcome, Outcome::Ok | Outcome::WrongAnswer | Outcome::Empty);
        let refused = match record.outcome {
            Outcome::RateLimited | Outcome::Overloaded => true,
            Outcome::HttpError => record.status.is_some_and(|status| (400..500).contains(&status)),
            _ => false,
        };
        // of a request that went out twice nobody knows whether the server had the first one
        let range = |once: Option<u64>, most: u64| match once {
            Some(once) if whole => (once, once + (attempts - 1) * most),
            _ => (0, most * attempts),
        };
        // a server may tell anything
        let sane = |tokens: u64| tokens.min(u64::from(u32::MAX));
        let requested = u64::from(record.requested_output_tokens);
        let output = match record.output_tokens.map(sane) {
            _ if refused => (0, 0),
            told => range(told, requested.max(told.unwrap_or(0))),
        };
        let told = record.input_tokens.filter(|_| whole).map(sane);
        let input = told.map(|told| range(Some(told), told));
        let computed = told.map(|told| {
            let cached = record.cached_tokens.map(sane);
            let least = told.saturating_sub(cached.unwrap_or(told));
            (least, attempts * told.saturating_sub(cached.unwrap_or(0)))
        });
        // a text that is scored beside another one, or in a batch of an unknown API, may be counted in any way
        let one_by_one = match protocol {
            Protocol::OpenaiEmbeddings | Protocol::Rerank | Protocol::TeiRerank => false,
            Protocol::Http => record.batch == 1,
            _ => true,
        };
        Some(Self {
            from_ns,
            to_ns: record.end_ns,
            requests: one_by_one.then(|| range(Some(prompts), prompts)),
            prompt: one_by_one.then(|| input.unwrap_or_default()),
            computed: one_by_one.then(|| computed.unwrap_or_default()),
            output: Some(output),
            open: u64::from(!whole || attempts > 1),
            from_chunks: u64::from(whole && record.token_source == TokenSource::Chunks),
            untold: if told.is_none() { prompts * attempts } else { 0 },
            longest: told.map_or(0, |told| told.div_ceil(prompts.max(1))),
        })
    }

    fn merge(&mut self, other: &Self) {
        let sum = |one: Range, other: Range| {
            one.zip(other).map(|((low, high), (more_low, more_high))| (low + more_low, high + more_high))
        };
        *self = Self {
            from_ns: self.from_ns.min(other.from_ns),
            to_ns: self.to_ns.max(other.to_ns),
            requests: sum(self.requests, other.requests),
            prompt: sum(self.prompt, other.prompt),
            computed: sum(self.computed, other.computed),
            output: sum(self.output, other.output),
            open: self.open + other.open,
            from_chunks: self.from_chunks + other.from_chunks,
            untold: self.untold + other.untold,
            longest: self.longest.max(other.longest),
        };
    }

    fn range(&self, quantity: Quantity) -> Range {
        // prompts that nobody told of are no longer than the longest that anybody did
        let with_untold = |range: Range| {
            range
                .filter(|_| self.untold == 0 || self.longest > 0)
                .map(|(low, high)| (low, high + self.untold * self.longest))
        };
        match quantity {
            Quantity::ServerRequests => self.requests,
            Quantity::ServerPromptTokens => with_untold(self.prompt),
            Quantity::ServerPromptTokensComputed => with_untold(self.computed),
            Quantity::ServerGenerationTokens => self.output,
            _ => None,
        }
    }
}

/// What was sent, by endpoint and step.
#[derive(Debug, Default)]
pub(super) struct SentBy(BTreeMap<(usize, usize), Sent>);

impl SentBy {
    /// Takes in a request to an endpoint of the plan.
    pub(super) fn add(&mut self, plan: &Plan, endpoint: usize, record: &Record) {
        let Some(protocol) = plan.endpoints.get(endpoint).map(|endpoint| endpoint.protocol) else { return };
        let Some(sent) = Sent::of(record, protocol) else { return };
        self.0.entry((endpoint, record.step_id)).and_modify(|all| all.merge(&sent)).or_insert(sent);
    }
}

/// Pages while they are read.
pub(super) struct Pages<'a> {
    plan: &'a Plan,
    sent: &'a SentBy,
    /// By endpoints.
    servers: BTreeMap<Vec<String>, Pending>,
}

/// The pages of one server while they are read.
struct Pending {
    /// The whole run first, then each step.
    spans: Vec<Compared>,
    page: Page,
    /// When the page before that was there; a page tells of a moment between the two.
    before_ns: Option<u64>,
}

/// What a page counts.
#[derive(Debug, Clone, Default)]
struct Page {
    at_ns: u64,
    counts: BTreeMap<Quantity, u64>,
}

/// The run, or a step of it.
struct Compared {
    step: Option<usize>,
    sent: Sent,
    /// The last page before its first request, and when the one before that was there.
    first: Option<(Page, u64)>,
    /// A page that was asked for once its last request had ended.
    last: Option<Page>,
    /// Whether a count fell between the two.
    fell: bool,
    seen: BTreeMap<Quantity, u64>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(plan: &'a Plan, sent: &'a SentBy) -> Self {
        Self { plan, sent, servers: BTreeMap::new() }
    }

    /// Takes in what was read, in the order of reading.
    pub(super) fn add(&mut self, sample: &Sample) {
        let (SensorKind::Prometheus, Subject::Server(endpoints)) = (sample.sensor, &sample.subject) else {
            return;
        };
        if !self.servers.contains_key(endpoints) {
            let spans = self.spans(endpoints);
            let page = Page { at_ns: sample.at_ns, ..Page::default() };
            self.servers.insert(endpoints.clone(), Pending { spans, page, before_ns: None });
        }
        let Some(server) = self.servers.get_mut(endpoints) else { return };
        if server.page.at_ns != sample.at_ns {
            server.turn(sample.at_ns);
        }
        let counts = sample.readings.iter().filter(|(quantity, _)| COMPARED.contains(quantity));
        server.page.counts.extend(counts.map(|(quantity, value)| (*quantity, value.round() as u64)));
    }

    /// The run and the steps in which a server with these endpoints had requests.
    fn spans(&self, endpoints: &[String]) -> Vec<Compared> {
        let mut steps: BTreeMap<Option<usize>, Sent> = BTreeMap::new();
        for ((endpoint, step), sent) in &self.sent.0 {
            let of_server =
                self.plan.endpoints.get(*endpoint).is_some_and(|planned| endpoints.contains(&planned.name));
            if of_server {
                for key in [None, Some(*step)] {
                    steps.entry(key).and_modify(|all| all.merge(sent)).or_insert(*sent);
                }
            }
        }
        let span = |(step, sent)| Compared {
            step,
            sent,
            first: None,
            last: None,
            fell: false,
            seen: BTreeMap::new(),
        };
        steps.into_iter().map(span).collect()
    }

    /// What there is to be compared, with the keys of steps.
    pub(super) fn finish(self, keys: &BTreeMap<usize, ScopeKey>) -> Vec<ServerCounts> {
        let mut all = Vec::new();
        for (endpoints, mut server) in self.servers {
            server.turn(u64::MAX);
            // where there are none, nothing was sent to it
            let [whole, steps @ ..] = &server.spans[..] else { continue };
            let counts = |of: &Compared| of.counts().unwrap_or_default();
            let why_not = whole.why_not().map(str::to_owned);
            // a page that counts nothing of this is none to compare with
            if whole.seen.is_empty() && why_not.is_none() {
                continue;
            }
            all.push(ServerCounts {
                endpoints: endpoints.clone(),
                key: None,
                counts: counts(whole),
                why_not,
            });
            if steps.len() < 2 {
                continue;
            }
            let alone = |step: &&Compared| {
                let others = || steps.iter().filter(|other| other.step != step.step);
                step.why_not().is_none() && others().all(|other| step.is_apart_from(other))
            };
            for step in steps.iter().filter(alone) {
                let Some(key) = step.step.and_then(|id| keys.get(&id)) else { continue };
                all.push(ServerCounts {
                    endpoints: endpoints.clone(),
                    key: Some(key.clone()),
                    counts: counts(step),
                    why_not: None,
                });
            }
        }
        all
    }
}

impl Pending {
    /// Takes in the page that was put together, and begins the next one.
    fn turn(&mut self, next_ns: u64) {
        let page = std::mem::replace(&mut self.page, Page { at_ns: next_ns, ..Page::default() });
        for span in &mut self.spans {
            span.take(&page, self.before_ns);
        }
        self.before_ns = Some(page.at_ns);
    }
}

impl Compared {
    fn take(&mut self, page: &Page, before_ns: Option<u64>) {
        if page.at_ns <= self.sent.from_ns {
            self.first = Some((page.clone(), before_ns.unwrap_or(0)));
            self.seen.clone_from(&page.counts);
            return;
        }
        // of the run the last page counts, of a step the first behind it
        if self.first.is_none() || (self.step.is_some() && self.last.is_some()) {
            return;
        }
        self.fell |= page
            .counts
            .iter()
            .any(|(quantity, count)| self.seen.get(quantity).is_some_and(|seen| count < seen));
        self.seen.extend(&page.counts);
        if before_ns.is_some_and(|before_ns| before_ns >= self.sent.to_ns) {
            self.last = Some(page.clone());
        }
    }

    /// Why the two counts cannot be compared.
    fn why_not(&self) -> Option<&'static str> {
        if self.first.is_none() {
            Some("its page came after the first request was sent")
        } else if self.fell {
            Some("it began to count anew, so it was started again")
        } else if self.last.is_none() {
            Some("its page did not come after the last request had ended")
        } else {
            None
        }
    }

    /// Whether nothing of another step can be in what was counted between the two pages.
    fn is_apart_from(&self, other: &Self) -> bool {
        let (Some((_, before_ns)), Some(last)) = (&self.first, &self.last) else { return false };
        other.sent.to_ns <= *before_ns || other.sent.from_ns >= last.at_ns
    }

    fn counts(&self) -> Option<Vec<Counted>> {
        let ((first, _), last) = (self.first.as_ref()?, self.last.as_ref()?);
        if self.fell {
            return None;
        }
        let each = COMPARED.into_iter().filter_map(|quantity| {
            let now = *last.counts.get(&quantity)?;
            // a count that nothing was counted in yet is on no page of some servers
            let server = now.saturating_sub(first.counts.get(&quantity).copied().unwrap_or(0));
            let (low, high) = self.sent.range(quantity)?;
            let output = quantity == Quantity::ServerGenerationTokens;
            let from_chunks = if output { self.sent.from_chunks } else { 0 };
            Some(Counted { quantity, server, low, high, open: self.sent.open, from_chunks })
        });
        Some(each.collect())
    }
}

#[cfg(test)]
mod tests;
