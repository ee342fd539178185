//! One request: made ready, sent, its answer read, one record left.

use std::{
    future::poll_fn,
    iter,
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
};

use http::{HeaderMap, HeaderValue, Method, header};
use tokio::{runtime::Handle, task::coop::unconstrained};

use super::{
    Binding, Endpoint,
    pending::{Life, Registered},
    step::{Arrivals, StepRun},
    unless::unless,
};
use crate::{
    plan::{Place, chosen_by, model_of, place_of, request_of},
    protocol::{Answer, Answered, Ask, Dialect, Ending, Flow, Seen, Turn},
    record::{ChunkTimes, Outcome, Record, StopCause, Text, Texts, TokenSource},
    wire::{Arrival, Limits, Message, Piece, Pool, Request, Reserved, Timing, WireError},
};

/// A request that only has to be sent. It goes through many hands, boxed.
pub(super) struct Prepared {
    seq: u64,
    request_id: String,
    endpoint: usize,
    /// What it names.
    model: String,
    /// The thread that measures it.
    lane: usize,
    /// Where it stands in a conversation, if it does.
    place: Option<Place>,
    /// Of each prompt.
    requested_output_tokens: u32,
    message: Message,
    /// What it asks, where the plan keeps that.
    prompts: Vec<String>,
    /// Why it cannot be sent: what it should ask could not be read.
    unreadable: Option<String>,
    /// The connection that was taken for it ahead of time, on which it may have begun to go out.
    reserved: Option<Reserved>,
    /// Whether the ceiling has counted it.
    admitted: bool,
    /// Its place among what has not ended, from when it is due.
    registered: Option<Registered>,
}

impl Prepared {
    /// Makes request number `index` of a step, for one of the threads. What is in it follows from the seed and its number
    /// alone.
    pub(super) fn new(run: &StepRun, index: u64, lane: usize) -> Box<Self> {
        Self::after(run, index, lane, &[])
    }

    /// The same, where so much was said before.
    pub(super) fn after(run: &StepRun, index: u64, lane: usize, earlier: &[Turn]) -> Box<Self> {
        let shared = &run.shared;
        let seq = run.load.first_seq + index;
        let source = |endpoint: usize| &shared.endpoints[endpoint].binding.source;
        let (endpoint, prompts) = request_of(&shared.plan, &run.load, seq, source);
        let (prompts, unreadable) = match prompts {
            Ok(prompts) => (prompts, None),
            Err(error) => (Vec::new(), Some(error.reason)),
        };
        let planned = &shared.plan.endpoints[endpoint];
        let Endpoint { binding, pools } = &shared.endpoints[endpoint];
        let request_id = format!("{}-{seq}", shared.run_id);
        // one limit for all prompts of a request
        let max_tokens = prompts.first().map_or(1, |prompt| prompt.output_tokens);
        let texts: Vec<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
        let place = place_of(&shared.plan, &run.load, seq);
        let model = model_of(&binding.model, shared.plan.seed, chosen_by(&shared.plan, &run.load, seq));
        let ask = Ask { earlier, ..Ask::of(planned, model, &texts, max_tokens) };
        let request = request(binding, &request_id, &ask);
        let message = pools[lane].message(&request);
        let keep = shared.plan.output.prompts || place.is_some();
        let prompts = prompts.into_iter().map(|prompt| prompt.text).filter(|_| keep).collect();
        Box::new(Self {
            seq,
            request_id,
            endpoint,
            model: model.to_owned(),
            lane,
            place,
            requested_output_tokens: planned.output_tokens(max_tokens),
            message,
            prompts,
            unreadable,
            reserved: None,
            admitted: false,
            registered: None,
        })
    }

    /// The same, to be measured by another thread. Not where requests may share connections: what goes out then depends on
    /// what that thread has learnt of the server.
    pub(super) fn for_lane(mut self: Box<Self>, lane: usize) -> Box<Self> {
        self.lane = lane;
        self
    }

    /// Lets it be seen that it is due and has not ended.
    pub(super) fn register(&mut self, run: &Arc<StepRun>, due_ns: u64) {
        if self.registered.is_none() {
            self.registered = Registered::new(run, self.seq, self.endpoint, due_ns);
        }
    }

    /// Takes an open connection for it, where there is one: that of its own thread, or it changes the thread. Where
    /// requests share connections it does not, or all would soon share those of one thread.
    pub(super) fn reserve(&mut self, run: &StepRun) {
        let pools = &run.shared.endpoints[self.endpoint].pools;
        let own = self.lane;
        let others = (own + 1..pools.len()).chain(0..own);
        let others = others.filter(|lane| !pools[own].may_share() && !pools[*lane].may_share());
        for lane in iter::once(own).chain(others) {
            self.reserved = pools[lane].reserve();
            if self.reserved.is_some() {
                self.lane = lane;
                return;
            }
        }
    }

    /// Where its task belongs.
    pub(super) fn home<'a>(&self, run: &'a StepRun) -> &'a Handle {
        run.shared.lanes.handle(self.lane)
    }

    /// Gives the connection back where it cannot go out now: it would wait with this one, and others need it.
    pub(super) fn release(&mut self, run: &StepRun) {
        if let Some(reserved) = self.reserved.take() {
            run.shared.endpoints[self.endpoint].pools[self.lane].release(reserved);
        }
    }

    /// Begins to send it on the connection that was reserved, from any thread. Where there is none, or the ceiling does
    /// not admit it, that is left to [`exchange`].
    pub(super) fn begin(&mut self, run: &StepRun) {
        if self.reserved.is_some()
            && self.is_admitted(run)
            && let Some(reserved) = &mut self.reserved
        {
            reserved.begin(&self.message);
        }
    }

    /// Whether there is something to send, and the ceiling lets it go out; asks once.
    fn is_admitted(&mut self, run: &StepRun) -> bool {
        let simulated = run.shared.plan.endpoints[self.endpoint].simulated();
        let readable = self.unreadable.is_none();
        self.admitted = self.admitted || (readable && (simulated || run.shared.ceiling.admits()));
        self.admitted
    }

    /// A record of this request in which nothing has happened yet.
    fn record(&self, run: &StepRun, user: Option<u32>, due_ns: u64, queue_wait_ns: u64) -> Record {
        let step = &run.step;
        Record {
            seq: self.seq,
            request_id: self.request_id.clone(),
            phase: step.phase.clone(),
            step: step.name.clone(),
            step_id: step.id,
            endpoint: run.shared.plan.endpoints[self.endpoint].name.clone(),
            model: self.model.clone(),
            measured: run.load.measure,
            user,
            conversation: self.place.map(|place| place.conversation),
            turn: self.place.map(|place| place.turn),
            batch: run.load.batch,
            queue_wait_ns,
            end_ns: due_ns + queue_wait_ns,
            requested_output_tokens: self.requested_output_tokens * run.load.batch,
            ..untouched(due_ns)
        }
    }
}

/// What is sent to an endpoint to ask something of it.
pub(super) fn request(binding: &Binding, request_id: &str, ask: &Ask<'_>) -> Request {
    let mut headers = HeaderMap::with_capacity(3 + binding.headers.len());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = binding.dialect.accept(ask.stream);
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    for (name, value) in &binding.headers {
        headers.insert(name, value.clone());
    }
    let body = binding.dialect.body(ask);
    Request { method: Method::POST, target: binding.target.clone(), headers, body: body.into() }
}

/// The record of nobody's request, in which nothing has happened yet.
pub(super) fn untouched(due_ns: u64) -> Record {
    Record {
        seq: 0,
        request_id: String::new(),
        phase: String::new(),
        step: String::new(),
        step_id: 0,
        endpoint: String::new(),
        model: String::new(),
        measured: false,
        user: None,
        conversation: None,
        turn: None,
        batch: 1,
        due_ns,
        queue_wait_ns: 0,
        sent_ns: None,
        connect_ns: None,
        tls_ns: None,
        connection_reused: false,
        attempts: 0,
        http_version: None,
        first_byte_ns: None,
        first_token_ns: None,
        first_content_ns: None,
        last_token_ns: None,
        decode_ns: None,
        end_ns: due_ns,
        chunks: 0,
        reads: 0,
        stamps_exact: 0,
        stamps_late: 0,
        clock: Timing::default().clock,
        input_tokens: None,
        output_tokens: None,
        reasoning_tokens: None,
        cached_tokens: None,
        requested_output_tokens: 0,
        token_source: TokenSource::None,
        finish_reason: None,
        status: None,
        outcome: Outcome::NotSent,
        error: None,
        unchecked: None,
        server_timings: None,
    }
}

/// Leaves the record of a request that was due and never sent.
pub(super) async fn not_sent(
    run: &StepRun,
    mut prepared: Box<Prepared>,
    user: Option<u32>,
    due_ns: u64,
    queue_wait_ns: u64,
    reason: String,
) {
    drop(prepared.registered.take());
    let mut record = prepared.record(run, user, due_ns, queue_wait_ns);
    record.error = Some(reason);
    run.shared.recorder.finished(record, ChunkTimes::default(), None).await;
}

/// What has come of an exchange so far. It lives outside the future that fills it, so that a time-out or an
/// interruption leaves what had arrived by then.
#[derive(Default)]
pub(super) struct Progress {
    timing: Timing,
    status: Option<u16>,
    http_version: Option<&'static str>,
    answer: Option<Answer>,
    /// Whether the text of the answer is wanted.
    keep_answers: bool,
    /// The text, once it has ended.
    pub(super) answers: Option<Vec<Text>>,
    pub(super) onlookers: Onlookers,
}

/// Whoever looks on while the answer arrives.
#[derive(Default)]
pub(super) struct Onlookers {
    /// Where it is said how far the answer has come; `None` where nobody looks.
    life: Option<Arc<Life>>,
    /// What a close look keeps besides; `None` in a run.
    pub(super) sight: Option<Sight>,
    /// When the output events were read, one for each, where somebody compares that with the kernel's
    /// stamps; `None` in a run.
    pub(super) reads_ns: Option<Vec<u64>>,
}

impl Onlookers {
    fn are_there(&self) -> bool {
        self.life.is_some() || self.sight.is_some() || self.reads_ns.is_some()
    }

    /// Shows them an answer that has just taken so many bytes.
    fn show(&mut self, answer: &Answer, arrival: &Arrival, bytes: usize) {
        if let Some(sight) = &mut self.sight {
            sight.pieces.push((arrival.at_ns, bytes));
        }
        if let Some(reads_ns) = &mut self.reads_ns {
            reads_ns.resize(answer.chunks(), arrival.read_ns);
        }
        if let Some(life) = &self.life {
            life.first_token.set(answer.first_token_ns());
            life.first_content.set(answer.first_content_ns());
        }
    }
}

/// The wire of one exchange, seen closely.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The head of the answer.
    pub(super) head: Option<HeaderMap>,
    /// Bytes of the body with the arrival of the read that brought them.
    pub(super) pieces: Vec<(u64, usize)>,
    /// What every event was.
    pub(super) seen: Vec<Seen>,
}

impl Progress {
    /// The progress of an exchange that is looked at closely, and of its answer too where that is wanted.
    pub(super) fn watched(keep_answers: bool) -> Self {
        let onlookers = Onlookers { sight: Some(Sight::default()), ..Onlookers::default() };
        Self { keep_answers, onlookers, ..Self::default() }
    }

    /// The progress of an exchange of which the time of every read is kept.
    pub(super) fn timed() -> Self {
        let onlookers = Onlookers { reads_ns: Some(Vec::new()), ..Onlookers::default() };
        Self { onlookers, ..Self::default() }
    }

    /// Puts what has come of an exchange into its record; gives the arrivals of its output events back.
    pub(super) fn record(&mut self, stop: Stop, now_ns: u64, record: &mut Record) -> ChunkTimes {
        let timing = &self.timing;
        record.sent_ns = timing.sent_ns;
        record.connect_ns = timing.connect_ns;
        record.tls_ns = timing.tls_ns;
        record.connection_reused = timing.reused;
        record.attempts = timing.attempts;
        record.http_version = self.http_version.map(str::to_owned);
        record.first_byte_ns = timing.first_byte_ns;
        record.end_ns = now_ns;
        record.reads = timing.reads;
        record.clock = timing.clock;
        record.status = self.status;
        if let Some(answer) = self.answer.take() {
            let mut answered = answer.end(now_ns, stop.ending());
            if let Some(sight) = &mut self.onlookers.sight {
                sight.seen = std::mem::take(&mut answered.seen);
            }
            self.answers = answered.texts.take();
            take(record, answered)
        } else {
            let (outcome, error) = stop.without_answer();
            (record.outcome, record.error) = (outcome, Some(error));
            ChunkTimes::default()
        }
    }
}

/// Why an exchange is over.
pub(super) enum Stop {
    /// The answer has been read as far as it is needed.
    Ended,
    /// The wire failed.
    Failed(WireError),
    /// The endpoint's time-out.
    Timeout,
    /// The run is cut short.
    Cancelled,
}

impl Stop {
    /// What it means for an answer that had begun.
    fn ending(self) -> Ending {
        match self {
            Self::Ended => Ending::EndOfStream,
            Self::Failed(error) => error.into(),
            Self::Timeout => Ending::Timeout,
            Self::Cancelled => Ending::Cancelled,
        }
    }

    /// What it means for a request whose answer never began.
    fn without_answer(self) -> (Outcome, String) {
        match self {
            Self::Ended => (Outcome::Empty, "the answer has no output".to_owned()),
            Self::Failed(error) => (error.outcome(), error.to_string()),
            Self::Timeout => (Outcome::Timeout, "timed out before the answer began".to_owned()),
            Self::Cancelled => (Outcome::Cancelled, "cancelled before the answer began".to_owned()),
        }
    }
}

/// Sends a request and reads its answer to the end, the time-out or the interruption. Leaves one record.
pub(super) async fn exchange(
    run: &Arc<StepRun>,
    mut prepared: Box<Prepared>,
    user: Option<u32>,
    due_ns: u64,
    queue_wait_ns: u64,
) -> Exchanged {
    prepared.register(run, due_ns);
    let admitted = prepared.is_admitted(run);
    let planned = &run.shared.plan.endpoints[prepared.endpoint];
    let pool = &run.shared.endpoints[prepared.endpoint].pools[prepared.lane];
    if !admitted {
        let reason = match prepared.unreadable.take() {
            Some(reason) => {
                run.shared.ceiling.stop(StopCause::Dataset);
                reason
            }
            None => {
                format!("`run.ceiling.requests` = {} was reached", run.shared.plan.limits.ceiling.requests)
            }
        };
        not_sent(run, prepared, user, due_ns, queue_wait_ns, reason).await;
        return Exchanged { outcome: Outcome::NotSent, turn: None };
    }
    let output = &run.shared.plan.output;
    let wants_answers = output.answers || planned.check.is_some();
    let keep_answers = wants_answers || prepared.place.is_some();
    let mut progress = Progress { keep_answers, ..Progress::default() };
    let reserved = prepared.reserved.take();
    if let Some(Registered { life, .. }) = &prepared.registered {
        life.begun.set(Some(run.shared.clock.now_ns()));
        progress.timing.seen_sent = Some(Arc::clone(&life.sent));
        progress.onlookers.life = Some(Arc::clone(life));
    }
    let stop = {
        let interruption = pin!(async {
            tokio::select! {
                // a server that sends faster than it is read uses up all that the runtime lets a task do at once: what ends
                // the exchange has to be heard all the same
                () = unconstrained(tokio::time::sleep(planned.timeout)) => Stop::Timeout,
                () = unconstrained(run.reached(Arrivals::Cancelled)) => Stop::Cancelled,
            }
        });
        let work = pin!(send_and_read(
            pool,
            &run.shared.endpoints[prepared.endpoint].binding.dialect,
            run.load.batch,
            &prepared.message,
            reserved,
            &mut progress
        ));
        unless(interruption, work).await.unwrap_or_else(|interrupted| interrupted)
    };
    if let Stop::Failed(error) = &stop {
        run.shared.refusals.note(error);
    }
    let mut record = prepared.record(run, user, due_ns, queue_wait_ns);
    let chunks = progress.record(stop, run.shared.clock.now_ns(), &mut record);
    let outcome = record.outcome;
    let answers = progress.answers.take().unwrap_or_default();
    let turn = prepared.place.filter(|_| outcome == Outcome::Ok).and_then(|_| {
        let (user, answer) = (prepared.prompts.first()?.clone(), answers.first()?.text.clone());
        Some(Turn { user, answer })
    });
    let texts = (output.prompts || wants_answers).then(|| Texts {
        prompts: prepared.prompts.iter().filter(|_| output.prompts).map(|prompt| Text::of(prompt)).collect(),
        answers: if wants_answers { answers } else { Vec::new() },
    });
    // first, so that nobody sees it as pending behind its end
    drop(prepared.registered.take());
    run.shared.recorder.finished(record, chunks, texts).await;
    Exchanged { outcome, turn }
}

/// What came of an exchange.
pub(super) struct Exchanged {
    pub(super) outcome: Outcome,
    /// What was said, where it is a turn of a conversation that was answered.
    pub(super) turn: Option<Turn>,
}

/// Puts what became of an answer into its record; gives the arrivals of its output events back.
fn take(record: &mut Record, answered: Answered) -> ChunkTimes {
    record.first_token_ns = answered.first_token_ns;
    record.first_content_ns = answered.first_content_ns;
    record.last_token_ns = answered.last_token_ns;
    record.decode_ns = answered.decode_ns;
    record.end_ns = answered.end_ns;
    record.chunks = answered.chunks.len() as u32;
    record.stamps_exact = answered.chunks.exact();
    record.stamps_late = answered.stamps_late;
    record.input_tokens = answered.input_tokens;
    record.output_tokens = answered.output_tokens;
    record.reasoning_tokens = answered.reasoning_tokens;
    record.cached_tokens = answered.cached_tokens;
    record.token_source = answered.token_source;
    record.finish_reason = answered.finish_reason;
    record.outcome = answered.outcome;
    record.error = answered.error;
    record.server_timings = answered.server_timings;
    answered.chunks
}

/// Sends a request and reads its answer as far as it is needed.
pub(super) async fn send_and_read(
    pool: &Pool,
    dialect: &Dialect,
    prompts: u32,
    message: &Message,
    reserved: Option<Reserved>,
    progress: &mut Progress,
) -> Stop {
    let sent = pool.send(message, reserved, Limits::default(), &mut progress.timing).await;
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return Stop::Failed(error),
    };
    progress.status = Some(response.status.as_u16());
    progress.http_version = Some(response.http_version());
    let mut answer =
        Answer::new(dialect, response.status.as_u16(), response.content_type()).to_prompts(prompts);
    if let Some(sight) = &mut progress.onlookers.sight {
        sight.head = Some(response.headers.clone());
        answer = answer.watched();
    }
    if progress.keep_answers {
        answer = answer.keeping_texts();
    }
    let answer = progress.answer.insert(answer);
    // nobody comes later: where there is nobody, what they would want need not be looked at
    let onlookers = progress.onlookers.are_there();
    // one future for the whole of it: what is woken for every read should have to find its way through few
    let read = poll_fn(|cx| {
        answer.fetch();
        while let Some(piece) = ready!(response.poll_next(cx))? {
            let Piece { arrival, bytes, .. } = piece;
            let flow = answer.read(piece);
            if onlookers {
                progress.onlookers.show(answer, arrival, bytes.len());
            }
            if flow == Flow::Done {
                break;
            }
        }
        Poll::Ready(Ok(()))
    });
    if let Err(error) = read.await {
        return Stop::Failed(error);
    }
    response.finish();
    Stop::Ended
}
