//! The only code that prints, reads the environment or decides an exit code; wires everything above.
