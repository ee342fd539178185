//! The model in virtual time: what every request of an open or a closed loop would have seen.

use super::{
    fault::Fault,
    model::{Event, Model, Request, RequestId},
};
use crate::config::Sim;

/// A request and the time at which it arrives, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at_ns: u64,
    /// What.
    pub request: Request,
}

/// What one request has seen. Times are nanoseconds on the clock of the arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When it arrived.
    pub arrived_ns: u64,
    /// When it was accepted (`overhead_s` after it arrived); `None` where it was refused.
    pub queued_ns: Option<u64>,
    /// When it first got a place in the batch.
    pub started_ns: Option<u64>,
    /// How many times it lost its place and was computed anew.
    pub preemptions: u32,
    /// When each token came out.
    pub tokens_ns: Vec<u64>,
    /// When the client knew that it was over; `None` for a stream that stalled, which never is.
    pub end_ns: Option<u64>,
    /// What went wrong.
    pub fault: Option<Fault>,
}

impl Seen {
    fn arrived(arrived_ns: u64) -> Self {
        Self {
            arrived_ns,
            queued_ns: None,
            started_ns: None,
            preemptions: 0,
            tokens_ns: Vec::new(),
            end_ns: None,
            fault: None,
        }
    }

    fn note(&mut self, at_ns: u64, event: Event) {
        match event {
            Event::Queued => self.queued_ns = Some(at_ns),
            Event::Started => self.started_ns = Some(at_ns),
            Event::Token { .. } => self.tokens_ns.push(at_ns),
            Event::Preempted => self.preemptions += 1,
            Event::Resumed => {}
            Event::Failed(fault) => self.fault = Some(fault),
        }
        if event.ends() && self.fault != Some(Fault::Stalled) {
            self.end_ns = Some(at_ns);
        }
    }

    /// How long it waited for its first place, in nanoseconds.
    pub fn queue_ns(&self) -> Option<u64> {
        Some(self.started_ns? - self.queued_ns?)
    }

    /// Time to first token, in nanoseconds.
    pub fn ttft_ns(&self) -> Option<u64> {
        Some(self.tokens_ns.first()? - self.arrived_ns)
    }
}

/// Plays an open loop: requests arrive when they arrive. The result has the order of `arrivals`, which need not be
/// sorted; requests that arrive at the same time arrive in the order of the slice.
pub fn simulate(settings: &Sim, seed: u64, arrivals: &[Arrival]) -> Vec<Seen> {
    let mut order: Vec<usize> = (0..arrivals.len()).collect();
    order.sort_by_key(|place| arrivals[*place].at_ns);
    let mut model = Model::new(settings.clone(), seed);
    let mut all: Vec<Seen> = arrivals.iter().map(|arrival| Seen::arrived(arrival.at_ns)).collect();
    for place in &order {
        model.arrive(arrivals[*place].at_ns, arrivals[*place].request);
    }
    model.advance(u64::MAX, &mut |output| {
        let RequestId(number) = output.request;
        all[order[number as usize]].note(output.at_ns, output.event);
    });
    all
}

/// Plays a closed loop without think time: each of `users` sends the next of `requests` as soon as its last is over,
/// beginning together at time 0. The result is in the order in which requests were sent. A user whose stream stalls
/// never comes back.
pub fn simulate_closed(settings: &Sim, seed: u64, users: u32, requests: &[Request]) -> Vec<Seen> {
    let mut model = Model::new(settings.clone(), seed);
    let mut left = requests.iter();
    let mut all: Vec<Seen> = Vec::with_capacity(requests.len());
    let (mut now_ns, mut free) = (0, users as usize);
    loop {
        for request in left.by_ref().take(free) {
            model.arrive(now_ns, *request);
            all.push(Seen::arrived(now_ns));
        }
        let Some(next_ns) = model.next_event() else { return all };
        (now_ns, free) = (next_ns, 0);
        model.advance(now_ns, &mut |output| {
            let RequestId(number) = output.request;
            let request = &mut all[number as usize];
            request.note(output.at_ns, output.event);
            free += usize::from(request.end_ns.is_some());
        });
    }
}

#[cfg(test)]
#[path = "virtual_time_tests.rs"]
mod tests;
