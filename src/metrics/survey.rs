//! The first reading of the records: who is accounted for, and from when to when each step ran.

use std::{
    collections::{BTreeMap, HashSet},
    io,
};

use crate::{
    config::Price,
    metrics::{Account, Ending, Source, Stop, server_counts::SentBy, window::Span},
    plan::{LoadStep, Plan, Step, Work},
    record::{Abort, Diary, Outcome, Record, Saturated, ServiceEnded, StopCause},
};

/// What the first reading finds.
pub(super) struct Survey<'a> {
    pub(super) ending: Ending,
    /// When and why it was first asked for the end.
    pub(super) stop: Option<Stop>,
    /// The target that ended the run.
    pub(super) abort: Option<Abort>,
    /// The trials that ended before their time.
    pub(super) saturated: Vec<Saturated>,
    /// How the programs ended that the run had started.
    pub(super) services: Vec<ServiceEnded>,
    /// By index in the plan; load steps only.
    pub(super) steps: BTreeMap<usize, StepSurvey<'a>>,
    /// The end of the last request.
    pub(super) last_end_ns: u64,
    /// What the run used from its first step to its end.
    pub(super) used: Used,
    /// What servers must have counted.
    pub(super) sent: SentBy,
}

/// What a run used, warm-up, pauses and drains included.
#[derive(Default)]
pub(super) struct Used {
    /// From the start of its first step.
    from_ns: Option<u64>,
    to_ns: u64,
    /// Prompt and output tokens of all requests, failed ones as far as they tell.
    tokens: (u64, u64),
    /// Requests whose tokens nobody knows.
    untold: u64,
}

impl Used {
    fn until(&mut self, at_ns: u64) {
        self.to_ns = self.to_ns.max(at_ns);
    }

    fn take(&mut self, record: &Record) {
        self.until(record.end_ns);
        self.tokens.0 += record.input_tokens.unwrap_or(0);
        self.tokens.1 += record.output_tokens.unwrap_or(0);
        let told = record.input_tokens.is_some() && record.output_tokens.is_some();
        self.untold += u64::from(!told && !record.outcome.failed());
    }

    /// What it costs; `None` before anything began, or where tokens have the price and some are not known.
    pub(super) fn cost(&self, price: Price) -> Option<f64> {
        let by_tokens = matches!(price, Price::PerMillionTokens { .. });
        let seconds = self.to_ns.saturating_sub(self.from_ns?) as f64 / 1e9;
        let (input, output) = self.tokens;
        (!by_tokens || self.untold == 0).then(|| price.cost(seconds, input as f64, output as f64))
    }
}

/// One load step.
pub(super) struct StepSurvey<'a> {
    pub(super) step: &'a Step,
    pub(super) load: &'a LoadStep,
    pub(super) account: Account,
    pub(super) started_ns: Option<u64>,
    pub(super) ended_ns: Option<u64>,
    /// From the first due time to the last end.
    pub(super) hull: Option<Span>,
    pub(super) last_due_ns: u64,
    /// From the first due time to the last end of each user.
    pub(super) users: BTreeMap<u32, Span>,
    /// One more than the highest number within the step.
    highest: u64,
    /// The number of the first request that the tool cut off, or that left no record.
    pub(super) first_unseen: u64,
    seen: HashSet<u64>,
}

impl<'a> StepSurvey<'a> {
    /// From its start to the end of its last request, as far as the diary and the records tell.
    pub(super) fn lasted(&self) -> Option<Span> {
        let hull = self.hull;
        let from_ns = self.started_ns.or(hull.map(|hull| hull.from_ns))?;
        let to_ns = self.ended_ns.or(hull.map(|hull| hull.to_ns))?;
        Some(Span { from_ns, to_ns })
    }

    fn new(step: &'a Step, load: &'a LoadStep) -> Self {
        let account = Account {
            step: step.id,
            phase: step.phase.clone(),
            name: step.name.clone(),
            measured: load.measure,
            scheduled: None,
            cut_short: false,
            issued: 0,
            records: 0,
            sent: 0,
            not_sent: 0,
            unknown: 0,
            outcomes: BTreeMap::new(),
            answered: 0,
            contradictions: 0,
        };
        Self {
            step,
            load,
            account,
            started_ns: None,
            ended_ns: None,
            hull: None,
            last_due_ns: 0,
            users: BTreeMap::new(),
            highest: 0,
            first_unseen: u64::MAX,
            seen: HashSet::new(),
        }
    }

    /// The step for people: its phase, and its name where that says more.
    pub(super) fn title(&self) -> String {
        if self.step.name == self.step.phase {
            self.step.phase.clone()
        } else {
            format!("{} · {}", self.step.phase, self.step.name)
        }
    }

    fn take(&mut self, record: &Record, stop: Option<Stop>) {
        if stop.is_some_and(|stop| stop.cut_off(record)) {
            self.first_unseen = self.first_unseen.min(record.seq);
        }
        let account = &mut self.account;
        account.records += 1;
        *account.outcomes.entry(record.outcome).or_default() += 1;
        if record.outcome == Outcome::NotSent {
            account.not_sent += 1;
        } else {
            account.sent += 1;
        }
        account.answered += u64::from(record.first_byte_ns.is_some() || record.status.is_some());
        let contradicts = match record.outcome {
            Outcome::NotSent => record.sent_ns.is_some(),
            Outcome::Ok => record.sent_ns.is_none(),
            _ => false,
        };
        let foreign = record.seq < self.load.first_seq;
        let repeated = !self.seen.insert(record.seq);
        account.contradictions += u64::from(contradicts || foreign || repeated);
        self.highest = self.highest.max((record.seq + 1).saturating_sub(self.load.first_seq));

        self.last_due_ns = self.last_due_ns.max(record.due_ns);
        let own = Span { from_ns: record.due_ns, to_ns: record.end_ns.max(record.due_ns) };
        let widen = |span: &mut Span| {
            span.from_ns = span.from_ns.min(own.from_ns);
            span.to_ns = span.to_ns.max(own.to_ns);
        };
        widen(self.hull.get_or_insert(own));
        if let Some(user) = record.user {
            widen(self.users.entry(user).or_insert(own));
        }
    }

    /// Settles what is known only once all records were seen.
    fn close(&mut self, ending: Ending, stop: Option<Stop>) {
        let account = &mut self.account;
        account.cut_short = stop.is_some_and(|stop| self.ended_ns.is_none_or(|ended| ended >= stop.at_ns));
        if ending == Ending::Killed {
            // the diary counts in steps of 100 ms; a number that was used proves that it was issued
            account.issued = account.issued.max(self.highest).max(account.records);
            account.unknown = account.issued - account.records;
            if account.unknown > 0 {
                account.outcomes.insert(Outcome::Unknown, account.unknown);
                let first_seq = self.load.first_seq;
                let mut issued = first_seq..first_seq.saturating_add(account.issued);
                let lost = issued.find(|seq| !self.seen.contains(seq));
                self.first_unseen = lost.map_or(self.first_unseen, |lost| lost.min(self.first_unseen));
            }
        } else {
            // a number that was never issued
            account.contradictions += u64::from(self.highest > account.issued);
        }
        self.seen = HashSet::new();
    }
}

/// Reads everything once.
pub(super) fn survey<'a>(plan: &'a Plan, source: &dyn Source) -> io::Result<Survey<'a>> {
    let ending = Ending::of(source.diary()).of_plan(plan);
    let mut steps: BTreeMap<usize, StepSurvey<'_>> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Load(load) => Some((step.id, StepSurvey::new(step, load))),
            Work::Ready { .. } | Work::Pause { .. } | Work::Watch { .. } | Work::Spared => None,
        })
        .collect();
    let (mut stop, mut abort, mut saturated, mut services) = (None, None, Vec::new(), Vec::new());
    let mut used = Used::default();
    for line in source.diary() {
        match *line {
            Diary::StepStarted { step, at_ns } => {
                used.from_ns.get_or_insert(at_ns);
                if let Some(step) = steps.get_mut(&step) {
                    step.started_ns = Some(at_ns);
                }
            }
            Diary::Issued { step, at_ns, issued, .. } => {
                used.until(at_ns);
                if let Some(step) = steps.get_mut(&step) {
                    step.account.issued = step.account.issued.max(issued);
                }
            }
            Diary::StepEnded { step, at_ns, issued, due } => {
                used.until(at_ns);
                if let Some(step) = steps.get_mut(&step) {
                    step.ended_ns = Some(at_ns);
                    step.account.issued = issued;
                    step.account.scheduled = Some(due);
                }
            }
            Diary::Aborted(ref line) => abort = Some(line.clone()),
            Diary::Stopping { at_ns, cause } => {
                stop.get_or_insert(Stop { at_ns, cause });
            }
            Diary::Saturated(ref line) => saturated.push(line.clone()),
            Diary::ServiceEnded(ref line) => services.push(line.clone()),
            Diary::Trial { .. }
            | Diary::Spared { .. }
            | Diary::Generator(_)
            | Diary::Pressed(_)
            | Diary::Alert(_)
            | Diary::RunStarted { .. }
            | Diary::RunEnded { .. } => {}
        }
    }
    let mut last_end_ns = 0;
    let (mut foreign, mut sent) = (None, SentBy::default());
    source.scan(&mut |record, _| {
        last_end_ns = last_end_ns.max(record.end_ns);
        used.take(record);
        let endpoint = plan.endpoints.iter().position(|endpoint| endpoint.name == record.endpoint);
        match (steps.get_mut(&record.step_id), endpoint) {
            (Some(step), Some(endpoint)) => {
                step.take(record, stop);
                sent.add(plan, endpoint, record);
            }
            _ => {
                foreign.get_or_insert_with(|| {
                    format!(
                        "record {} is of step {} and endpoint `{}`, which the plan lacks",
                        record.seq, record.step_id, record.endpoint
                    )
                });
            }
        }
    })?;
    if let Some(foreign) = foreign {
        return Err(io::Error::new(io::ErrorKind::InvalidData, foreign));
    }
    for step in steps.values_mut() {
        step.close(ending, stop);
        used.untold += step.account.unknown;
    }
    // where somebody stopped the run first, it was not the target
    let abort = abort.filter(|_| ending == Ending::Stopped(StopCause::Abort));
    Ok(Survey { ending, stop, abort, saturated, services, steps, last_end_ns, used, sent })
}
