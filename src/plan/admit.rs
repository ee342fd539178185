//! The gate between a plan and a run.

use super::{Plan, compile_all, provable, safety};
use crate::config::{self, Finding, Problems, Scenario};

/// Compiles the cases of a scenario file as [`compile_all`] does, unless one of the plans must not be run: it goes too far,
/// or could not pass whatever the server does.
///
/// # Errors
///
/// Every reason for which it must not, at the values at fault.
pub fn admit(file: &str, cases: &[Scenario]) -> Result<Vec<Plan>, Problems> {
    let plans = compile_all(cases);
    let findings = |plan| -> Vec<Finding> {
        let together = safety::too_many_together(&plans);
        safety::findings(plan).into_iter().chain(together).chain(provable::findings(plan)).collect()
    };
    config::refuse(file, cases.iter().zip(plans.iter().map(findings)))?;
    Ok(plans)
}
