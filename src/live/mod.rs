//! Consumers of events while a run goes on; they write to a sink that `cli` gives them.
