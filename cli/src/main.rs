//! The `headwater` command line.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod args;
mod connection;
mod demo;
mod doctor;
mod format;
mod heaps;
mod interrupt;
mod logging;
mod output;
mod plot;
mod repl;
mod run;
mod serve;
mod sql;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use headwater_common::{Error, Result};

use args::{Cli, Command};
use format::Format;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::Serve(_)) {
        heaps::one_a_core();
    }
    match start(&cli) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a binary's main starts the runtime")]
fn start(cli: &Cli) -> Result<ExitCode> {
    let default = if matches!(cli.command, Command::Serve(_)) { "info" } else { "error" };
    logging::start(cli.log.as_deref(), cli.log_format, default)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::internal(format!("cannot start: {e}")))?;
    let code = runtime.block_on(dispatch(&cli.command));
    // A thread may still wait for standard input.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

async fn dispatch(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::main(args).await,
        Command::Serve(args) => serve::main(args).await,
        Command::Sql(args) => sql::main(args, args.format).await,
        Command::Plot(args) => sql::main(args, Format::Svg).await,
        Command::Doctor(args) => doctor::main(args).await,
        Command::Version => {
            println!("headwater {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    }
}
