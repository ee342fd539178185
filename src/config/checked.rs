//! A scenario file with everything that is wrong with it so far.

use super::{
    Axis, Finding, Layer, Places, Problems, Scenario, case_name,
    diagnostic::{Diagnostic, Sink},
};

/// A scenario file, checked by itself. What shows only in what is made of its cases is added by [`Checked::refuse`].
#[derive(Debug)]
pub struct Checked {
    /// The file, as messages show it.
    file: String,
    /// What is wrong whatever the case.
    sink: Sink,
    /// The platform in use, then the others that the scenario has a word on.
    platforms: Vec<Cases>,
}

/// The cases of a scenario on one platform.
#[derive(Debug, Default)]
pub(super) struct Cases {
    /// The platform, where it is not the one in use.
    pub elsewhere: Option<String>,
    /// How many of the cases were looked at.
    pub count: usize,
    /// What can be planned of them: of a case with which something is wrong, the sound rest.
    pub scenarios: Vec<Scenario>,
    /// What is wrong with them.
    pub found: Found,
}

impl Checked {
    pub(super) fn new(file: &str, sink: Sink, platforms: Vec<Cases>) -> Self {
        Self { file: file.to_owned(), sink, platforms }
    }

    /// The cases on each platform, that in use first, as far as they can be planned: of one with which something is
    /// wrong that is the rest, if anything. On the others they are for looking at: a mistake in
    /// `[platforms.NAME]` is one on every machine. Of many cases these may be some.
    pub fn platforms(&self) -> impl Iterator<Item = &[Scenario]> {
        self.platforms.iter().map(|cases| cases.scenarios.as_slice())
    }

    /// Where the values of the first case stand, where it can be planned.
    pub fn places(&self) -> Option<&Places> {
        Some(&self.platforms.first()?.scenarios.first()?.places)
    }

    /// Has the files looked into that requests of the platform in use come from: `look` is given each of its cases, to put into
    /// it what it finds, and says what is wrong with them, which is wrong with the scenario. Files of other platforms need not be
    /// on this machine.
    pub fn look_into(&mut self, look: &mut dyn FnMut(&mut Scenario) -> Vec<Finding>) {
        let Some(here) = self.platforms.first_mut() else { return };
        for scenario in &mut here.scenarios {
            let there = Sink::default();
            for finding in look(scenario) {
                there.push(scenario.places.problem(finding));
            }
            here.found.add(&scenario.case, there);
        }
    }

    /// Adds what was found in what was made of the cases, for each case of each of [`Checked::platforms`].
    pub fn refuse(&mut self, findings: Vec<Vec<Vec<Finding>>>) {
        for (cases, findings) in self.platforms.iter_mut().zip(findings) {
            for (scenario, findings) in cases.scenarios.iter().zip(findings) {
                let there = Sink::default();
                for finding in findings {
                    there.push(scenario.places.problem(finding));
                }
                cases.found.add(&scenario.case, there);
            }
        }
    }

    /// The cases on the platform in use.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub fn into_cases(self) -> Result<Vec<Scenario>, Problems> {
        let mut platforms = self.platforms.into_iter();
        let Some(here) = platforms.next() else { return Ok(Vec::new()) };
        let elsewhere: Vec<Diagnostic> =
            platforms.flat_map(|cases| cases.only_there(&self.sink, &here.found)).collect();
        for problem in here.found.told(here.count).chain(elsewhere) {
            self.sink.push(problem);
        }
        if self.sink.is_empty() { Ok(here.scenarios) } else { Err(self.sink.into_problems(&self.file)) }
    }
}

impl Cases {
    /// What is wrong on this platform and not on the one in use.
    fn only_there(self, sink: &Sink, here: &Found) -> Vec<Diagnostic> {
        let Self { elsewhere, count, mut found, .. } = self;
        found.problems.retain(|(problem, ..)| !sink.contains(problem) && !here.knows(problem));
        let told = found.told(count).map(|problem| match &elsewhere {
            Some(name) if !problem.is_in(Layer::Platform) => problem.on_platform(name),
            _ => problem,
        });
        told.collect()
    }
}

/// What is wrong in which cases.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each problem with the name of the first case that has it, and the number of all that do.
    problems: Vec<(Diagnostic, String, usize)>,
}

impl Found {
    /// Adds what is wrong in one case.
    pub(super) fn add(&mut self, axes: &[Axis], there: Sink) {
        for problem in there.into_vec() {
            match self.problems.iter_mut().find(|(known, ..)| *known == problem) {
                Some((.., count)) => *count += 1,
                None => self.problems.push((problem, case_name(axes), 1)),
            }
        }
    }

    /// Whether there is a problem that says the same of the same place.
    fn knows(&self, problem: &Diagnostic) -> bool {
        let same =
            |known: &Diagnostic| known.message() == problem.message() && known.place() == problem.place();
        self.problems.iter().any(|(known, ..)| same(known))
    }

    /// Each problem, with the cases that have it where not all of them do. What is wrong with a value of the matrix itself
    /// is told by its place.
    fn told(self, cases: usize) -> impl Iterator<Item = Diagnostic> {
        self.problems.into_iter().map(move |(problem, first, count)| {
            let everywhere = count == cases || problem.is_in(Layer::Matrix);
            if everywhere { problem } else { problem.in_cases(&first, count, cases) }
        })
    }
}
