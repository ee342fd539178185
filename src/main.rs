//! `scenario`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    scenario::cli::main()
}
