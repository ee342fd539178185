//! Measured sockets: connect, TLS, pool, arrival times, HTTP, framing. The only code that touches them.
