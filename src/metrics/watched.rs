//! Steps that send nothing and are only read.

use std::collections::BTreeMap;

use crate::{
    metrics::{Counts, EnergyUse, Scope, Tokens, Transit, Window, telemetry::Collecting, window::Span},
    plan::{Plan, ScopeKey, Step},
    record::{Diary, Generator},
};

/// The steps of a plan that were only read, each with the time in which it was.
pub(super) struct Watched<'a>(Vec<(&'a Step, Span)>);

impl<'a> Watched<'a> {
    /// From the start to the end of each; of one that a kill cut off, to the last thing that the diary tells.
    pub(super) fn of(plan: &'a Plan, diary: &[Diary]) -> Self {
        let (mut started, mut ended, mut last_ns) = (BTreeMap::new(), BTreeMap::new(), 0);
        for line in diary {
            match *line {
                Diary::StepStarted { step, at_ns } => _ = started.insert(step, at_ns),
                Diary::StepEnded { step, at_ns, .. } => _ = ended.insert(step, at_ns),
                Diary::Generator(Generator { at_ns, .. }) => last_ns = last_ns.max(at_ns),
                _ => {}
            }
        }
        let span = |step: &'a Step| {
            let from_ns = *started.get(&step.id)?;
            let to_ns = ended.get(&step.id).copied().unwrap_or(last_ns).max(from_ns);
            Some((step, Span { from_ns, to_ns }))
        };
        Self(plan.steps.iter().filter(|step| step.watches()).filter_map(span).collect())
    }

    /// When the first began.
    pub(super) fn began_ns(&self) -> Option<u64> {
        self.0.iter().map(|(_, span)| span.from_ns).min()
    }

    /// When the last ended; 0 where there is none.
    pub(super) fn ended_ns(&self) -> u64 {
        self.0.iter().map(|(_, span)| span.to_ns).max().unwrap_or(0)
    }

    /// Each with its window and its key, as telemetry wants them.
    pub(super) fn windows(&self) -> impl Iterator<Item = (usize, Span, Option<ScopeKey>)> + '_ {
        self.0.iter().map(|(step, span)| (step.id, *span, Some(key(step, None))))
    }

    /// The scope of each, and below it one for each endpoint where they are several: readings, and no requests.
    pub(super) fn scopes(&self, plan: &Plan, telemetry: &Collecting) -> Vec<Scope> {
        let names: Vec<Option<&str>> = match plan.endpoints.as_slice() {
            [] | [_] => vec![None],
            several => {
                let each = several.iter().map(|endpoint| Some(endpoint.name.as_str()));
                std::iter::once(None).chain(each).collect()
            }
        };
        let each = self.0.iter().flat_map(|of| names.iter().map(move |endpoint| (of, *endpoint)));
        each.map(|((step, span), endpoint)| {
            let observations = telemetry
                .observations(&[step.id], &|subject| endpoint.is_none_or(|name| subject.serves(name)));
            // of the machines as a whole
            let energy = match endpoint {
                None => EnergyUse::of(&observations, telemetry.at_rest(), span.length_s()),
                Some(_) => EnergyUse::default(),
            };
            Scope {
                key: key(step, endpoint),
                measured: true,
                explores: false,
                users: None,
                batch: None,
                offered_rate: None,
                window: Some(Window {
                    from_s: span.from_ns as f64 / 1e9,
                    to_s: span.to_ns as f64 / 1e9,
                    length_s: span.length_s(),
                }),
                counts: Counts::default(),
                tokens: Tokens::default(),
                transit: Transit::default(),
                spikes: Vec::new(),
                series: BTreeMap::new(),
                rates: BTreeMap::new(),
                estimates: BTreeMap::new(),
                observations,
                energy,
            }
        })
        .collect()
    }
}

fn key(step: &Step, endpoint: Option<&str>) -> ScopeKey {
    ScopeKey { phase: step.phase.clone(), step: None, endpoint: endpoint.map(str::to_owned) }
}
