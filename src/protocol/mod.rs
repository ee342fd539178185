//! One file per API: request body out, timed output events in.
