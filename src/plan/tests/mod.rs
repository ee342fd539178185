mod compile;
mod experiment;
mod graph;
mod schedule;
mod spikes;
mod text;
mod traffic;
