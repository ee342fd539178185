//! What readings of a quantity come to, as targets see it.

use std::collections::BTreeMap;

use super::Observation;
use crate::{
    catalog::{Course, Quantity, Statistic},
    record::{self, Class},
};

/// The least share of a window that has to lie between readings for a target to be judged on them.
pub const COVERED: f64 = 0.9;

/// What a target on a quantity is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedOn<'a> {
    /// The value.
    pub value: f64,
    /// The subject that it is of; of sums the first.
    pub of: &'a Observation,
    /// Subjects behind it.
    pub subjects: usize,
    /// What is not behind it although something was read: too little of the window, so that with it the value could be worse, and of a
    /// sum higher.
    pub lacking: Vec<&'a Observation>,
    /// How many subjects were read in another class, and stand in no sum with these.
    pub of_other_classes: usize,
}

impl Observation {
    /// A statistic of a level, or what a count came to.
    fn value(&self, statistic: Option<Statistic>) -> Option<f64> {
        match statistic {
            None => self.growth,
            Some(Statistic::Mean) => self.mean,
            Some(Statistic::Min) => self.min,
            Some(Statistic::Max) => self.max,
            Some(_) => None,
        }
    }
}

/// The value of a quantity by readings of a scope, as targets see it, with the reading that it is of: of a level the worst of all
/// subjects, of a count, of power and of energy the sum over the subjects, which is of one class, the largest. Readings that leave
/// out more than a tenth of the window are none.
pub fn observed(
    readings: &[Observation],
    quantity: Quantity,
    statistic: Option<Statistic>,
    at_least: bool,
) -> Option<JudgedOn<'_>> {
    let all: Vec<&Observation> = readings.iter().filter(|reading| reading.quantity == quantity).collect();
    let once = all.iter().copied().filter(|reading| !is_told_by_another(reading, &all));
    let (whole, partly): (Vec<&Observation>, Vec<&Observation>) =
        once.partition(|reading| reading.covered >= COVERED);
    let told: Vec<(&Observation, f64)> =
        whole.into_iter().filter_map(|reading| Some((reading, reading.value(statistic)?))).collect();
    let known = |reading: &&Observation| told.iter().any(|(whole, _)| whole.subject == reading.subject);
    // of any class: with what is lost its sum may have been the largest
    let lacking: Vec<&Observation> = partly.into_iter().filter(|reading| !known(reading)).collect();
    if !adds_up(quantity) {
        let worse =
            |one: f64, other: f64| if at_least { other.total_cmp(&one) } else { one.total_cmp(&other) };
        let (of, value) = told.iter().copied().max_by(|one, other| worse(one.1, other.1))?;
        return Some(JudgedOn { value, of, subjects: told.len(), lacking, of_other_classes: 0 });
    }
    let mut sums: BTreeMap<Class, (&Observation, f64, usize)> = BTreeMap::new();
    for (reading, value) in &told {
        let (_, sum, subjects) = sums.entry(reading.class).or_insert((reading, 0.0, 0));
        (*sum, *subjects) = (*sum + value, *subjects + 1);
    }
    let (of, value, subjects) = sums.into_values().max_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(JudgedOn { value, of, subjects, lacking, of_other_classes: told.len() - subjects })
}

/// Whether several subjects together have the sum of a quantity.
pub fn adds_up(quantity: Quantity) -> bool {
    quantity.course() == Course::Count || quantity == Quantity::Power
}

/// Whether somebody else tells of the same over most of the window; what was hardly there, or has no number, tells nothing.
pub(in crate::metrics) fn is_told_by_another(reading: &Observation, all: &[&Observation]) -> bool {
    let tells = |other: &&&Observation| other.covered >= COVERED && other.mean.or(other.growth).is_some();
    let others: Vec<_> = all.iter().filter(tells).map(|other| (&other.subject, other.sensor)).collect();
    record::is_told_by_another(&reading.subject, reading.sensor, &others)
}
