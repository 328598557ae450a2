//! The `spanward` command.
use std::process::ExitCode;

/// Several per cent of the time of a run went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    spanward::cli::run(std::env::args_os())
}
