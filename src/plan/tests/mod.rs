mod compile;
mod experiment;
mod graph;
mod schedule;
mod text;
mod traffic;
