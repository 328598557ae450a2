//! The `spanward` command.
use std::process::ExitCode;

fn main() -> ExitCode {
    spanward::cli::run(std::env::args_os())
}
