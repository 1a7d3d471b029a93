//! The program `taskloom`.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskloom::cli::main()
}
