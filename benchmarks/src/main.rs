//! The sides of the benchmarks that are written in Rust. `run.sh` beside this folder starts them and makes the tables.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the results go to standard output")]

mod ceiling;
mod copy;
mod federation;
mod look_up;
mod memory;
mod scan;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong is only shown.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about = "Sides of the benchmarks; started by run.sh")]
struct Arguments {
    #[command(subcommand)]
    side: Side,
}

#[derive(Debug, Subcommand)]
enum Side {
    /// Runs a query over one source through the engine and drops its batches.
    Scan {
        /// The kind of the source: postgres, clickhouse, mongodb or redis.
        #[arg(long, default_value = "postgres")]
        kind: String,
        /// The server.
        #[arg(long)]
        url: String,
        /// The query; the source is `pg`, `ch`, `mg` or `r`.
        #[arg(long)]
        sql: String,
        /// Connections, and partitions of the plan.
        #[arg(long, default_value_t = 1)]
        connections: u64,
    },
    /// Runs a prepared statement for one key after the other.
    LookUp {
        /// The kind of the source: redis or mongodb.
        #[arg(long, default_value = "redis")]
        kind: String,
        /// The server.
        #[arg(long)]
        url: String,
        /// The statement; its one parameter is a text, and the source is `r` or `mg`.
        #[arg(long)]
        sql: String,
        /// How often it runs.
        #[arg(long)]
        count: u64,
    },
    /// Reads `COPY table TO STDOUT (FORMAT binary)` over one connection and drops the bytes.
    Copy {
        /// The server.
        #[arg(long)]
        url: String,
        /// What stands between COPY and TO: a table or a query in parentheses.
        #[arg(long)]
        from: String,
    },
    /// Answers queries of standard input over Postgres, ClickHouse and Parquet files.
    Federation {
        /// The sources: a configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Leaves out the rules that move work to the sources.
        #[arg(long)]
        without_push_down: bool,
    },
    /// Serves ready-made batches over Flight SQL: what the transport allows.
    Ceiling {
        /// Address.
        #[arg(long)]
        listen: SocketAddr,
        /// The file whose rows are kept in memory.
        #[arg(long)]
        parquet: PathBuf,
        /// Rows in a batch.
        #[arg(long, default_value_t = 8192)]
        rows: usize,
    },
}

/// What one side measured.
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Resident memory before the work.
    pub(crate) before_kib: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments.side) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a binary's main starts the runtime")]
fn start(side: Side) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(async {
        match side {
            Side::Scan { kind, url, sql, connections } => scan::run(&kind, &url, &sql, connections).await,
            Side::LookUp { kind, url, sql, count } => look_up::run(&kind, &url, &sql, count).await,
            Side::Copy { url, from } => copy::run(&url, &from).await,
            Side::Federation { config, without_push_down } => federation::serve(&config, without_push_down).await,
            Side::Ceiling { listen, parquet, rows } => ceiling::serve(listen, &parquet, rows).await,
        }
    })?;
    let Measured { seconds, rows, bytes, before_kib } = measured;
    let peak_kib = memory::peak_kib()?;
    println!(
        "{{\"seconds\": {seconds}, \"rows\": {rows}, \"bytes\": {bytes}, \"before_kib\": {before_kib}, \"peak_kib\": {peak_kib}}}"
    );
    Ok(())
}
