//! The gate between a plan and a run.

use std::time::Duration;

use super::{Plan, compile_all, provable, safety, watching};
use crate::config::{Checked, Finding, Problems};

/// Compiles the cases of a scenario file as [`compile_all`] does, unless something is wrong with the file, or one of the
/// plans must not be run: it goes too far, or could not pass whatever the server does. The plans of platforms that are
/// not in use are looked at too.
///
/// # Errors
///
/// Every reason for which it must not, at the values at fault.
pub fn admit(mut checked: Checked) -> Result<Vec<Plan>, Problems> {
    let mut platforms = checked.platforms();
    let plans = platforms.next().map(compile_all).unwrap_or_default();
    let elsewhere = platforms.map(|cases| findings(&compile_all(cases)));
    let findings = std::iter::once(findings(&plans)).chain(elsewhere).collect();
    checked.refuse(findings);
    checked.into_cases()?;
    Ok(plans)
}

/// Compiles the cases of a scenario file to be monitored as [`watching`] does, for so long or until somebody ends it. What its phases
/// would go too far with is not done.
///
/// # Errors
///
/// Every reason for which it must not be.
pub fn admit_watching(mut checked: Checked, length: Option<Duration>) -> Result<Vec<Plan>, Problems> {
    let cases = checked.platforms().next().unwrap_or_default();
    let plans: Vec<Plan> = cases.iter().map(|scenario| watching(scenario, length)).collect();
    checked.refuse(vec![plans.iter().map(safety::findings).collect()]);
    checked.into_cases()?;
    Ok(plans)
}

/// What is wrong with each plan of a file.
fn findings(plans: &[Plan]) -> Vec<Vec<Finding>> {
    let together = safety::together(plans);
    let each = |plan| {
        let alone = safety::findings(plan).into_iter();
        alone.chain(together.clone()).chain(provable::findings(plan)).collect()
    };
    plans.iter().map(each).collect()
}
