//! `scenario`: arguments in, exit code out.

use std::process::ExitCode;

/// Records are made by the threads that measure and given up by the one that writes them down, tens of thousands a second:
/// the system's allocator would have them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    scenario::cli::main()
}
