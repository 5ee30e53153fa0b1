//! Commands and options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::format::Format;

/// One SQL engine over data that lives in several stores.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to log, such as `info` or `headwater_engine=debug`; RUST_LOG does the same.
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a small shop, asks it a few questions and serves it; needs nothing else.
    Demo(DemoArgs),
    /// Serves the configured sources over Arrow Flight SQL.
    Serve(ServeArgs),
    /// Runs SQL: typed, from a file or from the command line.
    Sql(Box<SqlArgs>),
    /// Draws the result of a query as an SVG picture: lines over time, bands between bounds, marked points.
    Plot(Box<SqlArgs>),
    /// Checks the configuration, the machine and every source, and says what to do where something is wrong.
    Doctor(DoctorArgs),
    /// Prints the version.
    Version,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder of the data [default: headwater-demo in the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Port to serve on.
    #[arg(long, value_name = "PORT", default_value_t = 32_010)]
    pub(crate) port: u16,
    /// Ends after the questions.
    #[arg(long)]
    pub(crate) no_serve: bool,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Address to listen on, instead of server.flight_listen.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Longest wait for a source, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub(crate) deadline: u64,
    /// The server of this configuration runs already: its address must answer instead of being free.
    #[arg(long)]
    pub(crate) running: bool,
}

/// Options of `sql`.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// Configuration file; the engine runs in this process.
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    pub(crate) config: Option<PathBuf>,
    /// Server to connect to: grpc://host:port or grpc+tls://host:port.
    #[arg(long, visible_alias = "url", value_name = "URL")]
    pub(crate) connect: Option<String>,
    /// How to sign in to the server.
    #[command(flatten)]
    pub(crate) login: LoginArgs,
    /// Statements to run; may be given several times.
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) command: Vec<String>,
    /// File of statements to run; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How results are written [default: table].
    #[arg(long, value_enum, hide_default_value = true, default_value = "table")]
    pub(crate) format: Format,
    /// File for the results, instead of standard output. It is replaced when all statements have succeeded.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Text for NULL [default: NULL in tables, empty in CSV, \N in TSV].
    #[arg(long, value_name = "TEXT")]
    pub(crate) null: Option<String>,
    /// Rows shown by table, vertical and markdown; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) max_rows: u64,
    /// Goes on after a statement that failed; the exit code still tells.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Says how long each statement took.
    #[arg(long)]
    pub(crate) timing: bool,
    /// File of the typed lines; an empty name keeps none [default: ~/.local/state/headwater/history].
    #[arg(long, value_name = "FILE", value_parser = any_path)]
    pub(crate) history: Option<PathBuf>,
}

/// A path, which may be empty.
fn any_path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

/// How to sign in to a server.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// User name; the password is asked for when there is no --password-file.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// File with the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with a bearer token.
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file with the authorities that sign the server's certificate [default: the public ones].
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}
