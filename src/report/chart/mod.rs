//! Charts fit for print: each is composed as a [`Scene`](scene::Scene) and drawn by `plotters` as PNG and as SVG.
//!
//! Every chart names the hardware, the scenario and the moment, and says so when servers were simulated. Series
//! differ in shape or dash as well as in colour, so that a print in grey can be read.

mod axis;
mod batches;
mod forest;
mod names;
mod page;
mod render;
mod scene;
mod sequence;
mod timeline;
mod tradeoff;
mod ttft;

use super::Report;
use crate::compare::Comparison;

/// A chart, drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The name of its files, without an ending.
    pub name: &'static str,
    /// Its heading.
    pub title: String,
    /// The picture as vectors.
    pub svg: String,
    scene: scene::Scene,
}

impl Chart {
    /// The picture at 300 dpi, which takes far longer to make than the vectors.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        render::png(self.name, &self.scene)
    }
}

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing library refused.
    #[error("could not draw the chart `{chart}`: {reason}")]
    Draw {
        /// The chart's name.
        chart: &'static str,
        /// What the library said.
        reason: String,
    },
    /// The picture could not be encoded.
    #[error("could not encode the chart `{chart}`: {source}")]
    Encode {
        /// The chart's name.
        chart: &'static str,
        /// What the encoder said.
        source: png::EncodingError,
    },
}

/// A chart before it is drawn.
struct Sketch {
    name: &'static str,
    title: String,
    scene: scene::Scene,
}

impl Sketch {
    fn draw(self) -> Result<Chart, ChartError> {
        let Self { name, title, scene } = self;
        Ok(Chart { name, title, svg: render::svg(name, &scene)?, scene })
    }
}

/// Every chart that the run has data for.
pub fn charts(report: &Report) -> Result<Vec<Chart>, ChartError> {
    sketches(report).into_iter().map(Sketch::draw).collect()
}

/// The changes of a comparison with their intervals; `None` where no metric has any.
pub(super) fn changes(comparison: &Comparison) -> Result<Option<Chart>, ChartError> {
    forest::sketch(comparison).map(Sketch::draw).transpose()
}

fn sketches(report: &Report) -> Vec<Sketch> {
    [
        ttft::sketch(report),
        timeline::sketch(report),
        tradeoff::sketch(report),
        batches::sketch(report),
        sequence::sketch(report),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;
