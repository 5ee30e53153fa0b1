//! Log lines on standard error.

use headwater_common::{Error, Result, environment};
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Starts logging. The filter is `--log`, else RUST_LOG, else `default`.
pub(crate) fn start(filter: Option<&str>, format: LogFormat, default: &str) -> Result<()> {
    let from_environment = environment::variable("RUST_LOG").filter(|f| !f.is_empty());
    let text = filter.map(str::to_owned).or(from_environment).unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|e| Error::invalid(format!("log filter \"{text}\": {e}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
