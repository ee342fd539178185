//! The numbers of a run that are compared.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Metric, MetricName},
    config::OPTIMUM,
    metrics::Summary,
    plan::ScopeKey,
    verdict::Verdict,
};

/// The numbers of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFigures {
    /// The name of its folder.
    pub name: String,
    /// Each measured scope.
    pub scopes: Vec<ScopeFigures>,
}

/// The numbers of one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScopeFigures {
    /// What they are about.
    pub scope: ScopeKey,
    /// As targets judge them, by the name of the metric with its statistic, in its base unit: seconds, shares from 0 to 1.
    /// What has no data is left out; null is infinite, as so many requests failed.
    pub values: BTreeMap<String, Option<f64>>,
}

impl RunFigures {
    /// Those of a run, under the name of its folder. The level that is the optimum of a ladder is there twice, under its own name and
    /// as [`OPTIMUM`], which may be another one in the next run.
    pub fn of(name: &str, summary: &Summary, verdict: &Verdict) -> Self {
        let scopes = summary.scopes.iter().filter(|scope| scope.measured).flat_map(|scope| {
            let of_optimum = verdict.optima.iter().any(|optimum| {
                optimum.phase == scope.key.phase && optimum.step.is_some() && optimum.step == scope.key.step
            });
            let optimum =
                of_optimum.then(|| ScopeKey { step: Some(OPTIMUM.to_owned()), ..scope.key.clone() });
            [Some(scope.key.clone()), optimum].into_iter().flatten().map(move |key| (key, scope))
        });
        let scopes = scopes.map(|(key, scope)| {
            let named = names().filter_map(|name| {
                let value = scope.value(name.metric, name.statistic)?;
                Some((name.to_string(), Some(value).filter(|value| value.is_finite())))
            });
            ScopeFigures { scope: key, values: named.collect() }
        });
        Self { name: name.to_owned(), scopes: scopes.collect() }
    }

    /// A value; `None` is no data.
    pub(super) fn value(&self, scope: &ScopeKey, metric: MetricName) -> Option<f64> {
        let figures = self.scopes.iter().find(|figures| figures.scope == *scope)?;
        figures.values.get(&metric.to_string()).map(|value| value.unwrap_or(f64::INFINITY))
    }
}

/// Every metric with each of its statistics.
fn names() -> impl Iterator<Item = MetricName> {
    Metric::every().flat_map(|metric| {
        let statistics = metric.statistics();
        let bare = statistics.is_empty().then_some(None);
        statistics
            .iter()
            .copied()
            .map(Some)
            .chain(bare)
            .map(move |statistic| MetricName { metric, statistic })
    })
}
