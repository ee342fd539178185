mod compile;
mod diff;
mod experiment;
mod graph;
mod origins;
mod schedule;
mod text;
mod traffic;
