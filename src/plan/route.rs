//! What a request is: where it goes, by a seeded choice by the shares of its step, which model it names, what it asks there, and
//! when it is due.

use rand::RngExt;

use super::{LoadStep, Pattern, Plan, Step, schedule};
use crate::{
    config::{Conversation, Model, Workload},
    workload::{DatasetError, Prompt, Source, rng},
};

/// The endpoint of request `seq` of one of a plan's steps, as an index into [`Plan::endpoints`], and its prompts: as many
/// as the step has in a request. `source` gives the open workload of an endpoint. Where a step follows a trace, each of its requests
/// is a row of it.
pub fn request_of<'a>(
    plan: &Plan,
    step: &LoadStep,
    seq: u64,
    source: impl FnOnce(usize) -> &'a Source,
) -> (usize, Result<Vec<Prompt>, DatasetError>) {
    let endpoint = endpoint_of(step, plan.seed, chosen_by(plan, step, seq));
    let source = source(endpoint);
    let prompts = match (&step.pattern, place_of(plan, step, seq)) {
        (Pattern::Trace { .. }, _) => {
            source.row(plan.seed, seq, seq - step.first_seq).map(|prompt| vec![prompt])
        }
        (_, None) => source.batch(plan.seed, seq, step.batch),
        (_, Some(Place { turn, .. })) => source.turn(plan.seed, seq, turn).map(|prompt| vec![prompt]),
    };
    (endpoint, prompts)
}

/// The number that decides where request `seq` goes and which model it names: its own, or that of the first turn of its
/// conversation, which stays where it began.
pub fn chosen_by(plan: &Plan, step: &LoadStep, seq: u64) -> u64 {
    place_of(plan, step, seq).map_or(seq, |place| place.conversation)
}

/// When the requests of a step are due, in nanoseconds from its start, ascending; `None` where that depends on the answers.
/// `source` gives the open workload of an endpoint.
pub fn arrivals_of<'a>(
    plan: &Plan,
    step: &Step,
    source: impl FnOnce(usize) -> &'a Source,
) -> Option<Box<dyn Iterator<Item = u64> + 'a>> {
    let load = step.load()?;
    match load.pattern {
        Pattern::Closed { .. } => None,
        Pattern::Open { .. } => Some(Box::new(schedule::of_step(step, plan.seed)?)),
        Pattern::Trace { speed, .. } => {
            let followed = source(load.traffic.first()?.endpoint);
            Some(Box::new(followed.arrivals(speed, load.requests, load.duration)))
        }
    }
}

/// Where a request stands among the turns of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The sequence number of the first turn.
    pub conversation: u64,
    /// Which turn it is, from 0.
    pub turn: u32,
}

/// The conversations of a step; `None` where its requests are none.
pub fn conversation_of<'a>(plan: &'a Plan, step: &LoadStep) -> Option<&'a Conversation> {
    // all endpoints of a step have the same workload where one has conversations
    match &plan.endpoints[step.traffic.first()?.endpoint].workload {
        Workload::Conversation(conversation) => Some(conversation),
        _ => None,
    }
}

/// The place of request `seq`: a conversation's turns follow each other in number.
pub fn place_of(plan: &Plan, step: &LoadStep, seq: u64) -> Option<Place> {
    let turns = u64::from(conversation_of(plan, step)?.turns);
    let turn = (seq - step.first_seq) % turns;
    Some(Place { conversation: seq - turn, turn: turn as u32 })
}

/// The endpoint of request `seq`, as an index into [`Plan::endpoints`].
///
/// The choice depends on the seed and `seq` alone, and each is independent of the others, so that the traffic of
/// one endpoint under Poisson arrivals is Poisson too.
pub fn endpoint_of(step: &LoadStep, seed: u64, seq: u64) -> usize {
    if let [only] = step.traffic.as_slice() {
        return only.endpoint;
    }
    let shares = step.traffic.iter().map(|traffic| (traffic.endpoint, traffic.share));
    choose(shares, rng(seed, "route", seq).random()).expect("a step has at least one endpoint")
}

/// The model that the request or the conversation of that number names (see [`chosen_by`]), `auto` where only the server
/// knows it.
///
/// The choice among several depends on the seed and the number alone, is independent of those of other numbers and of
/// where the request goes.
pub fn model_of(model: &Model, seed: u64, seq: u64) -> &str {
    match model {
        Model::Auto => "auto",
        Model::Named(name) => name,
        Model::Mix(mix) => {
            choose(mix.shares(), rng(seed, "model", seq).random()).expect("a mix has at least two models")
        }
    }
}

/// What `drawn`, evenly from `0..1`, falls upon among things with shares that sum to 1; `None` where there is none.
fn choose<T>(shares: impl Iterator<Item = (T, f64)>, drawn: f64) -> Option<T> {
    let mut reached = 0.0;
    let mut last = None;
    for (thing, share) in shares {
        reached += share;
        last = Some(thing);
        if drawn < reached {
            break;
        }
    }
    // shares may sum to a hair below 1
    last
}
