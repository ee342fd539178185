//! What passes between client and server.

use super::Transit;
use crate::record::Record;

impl Transit {
    /// Takes in a success.
    pub(super) fn add(&mut self, record: &Record) {
        if let Some(connect_ns) = record.connect_ns {
            self.opened += 1;
            self.connecting_s += (connect_ns + record.tls_ns.unwrap_or(0)) as f64 / 1e9;
        }
        self.e2e_s += record.e2e().unwrap_or(0.0);
        if let Some((told_s, service_s)) = told(record).zip(record.service_e2e()) {
            self.told += 1;
            self.told_s += told_s;
            self.service_s += service_s;
        }
    }

    /// Takes in those of others.
    pub(super) fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.connecting_s += other.connecting_s;
        self.e2e_s += other.e2e_s;
        self.told += other.told;
        self.told_s += other.told_s;
        self.service_s += other.service_s;
    }
}

/// How long the server says that it had a request, in seconds. Only Ollama's `total_duration` (nanoseconds) is known to count
/// from its arrival; what llama.cpp tells leaves out the wait for a slot, which is no way between.
fn told(record: &Record) -> Option<f64> {
    record.server_timings.as_ref()?.get("total_duration")?.as_f64().map(|ns| ns / 1e9)
}
