//! `headwater sql`.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use headwater_common::{Error, Result};

use crate::args::SqlArgs;
use crate::connection::Connection;
use crate::format::{Format, Style};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::repl::{Ended, Shell};
use crate::run::Display;

/// Exit code after Ctrl-C, as shells have it (128 + SIGINT).
const EXIT_INTERRUPTED: u8 = 130;

/// Runs what the options ask for; results are written in a format.
pub(crate) async fn main(args: &SqlArgs, format: Format) -> Result<ExitCode> {
    let texts = texts(args)?;
    let connection = Connection::open(args).await?;
    let output = args.output.as_deref().map_or(Ok(Output::Standard), Output::replacing)?;
    let style = Style { format, null: args.null.clone(), max_rows: args.max_rows, width: None };
    let display = Display { style, timing: args.timing };
    let mut shell = Shell::new(connection, display, output, Interrupts::default(), args.keep_going);
    let ended = match &texts {
        Some(texts) => scripts(&mut shell, texts).await?,
        None => {
            if std::io::stdin().is_terminal() {
                eprintln!("headwater {}; \\? for help, \\q to leave", env!("CARGO_PKG_VERSION"));
            }
            shell.interact(args.history.as_deref()).await?
        }
    };
    shell.close(matches!(ended, Ended::Well | Ended::Left)).await?;
    Ok(match ended {
        Ended::Well | Ended::Left => ExitCode::SUCCESS,
        Ended::Failed => ExitCode::FAILURE,
        Ended::Cancelled => ExitCode::from(EXIT_INTERRUPTED),
    })
}

async fn scripts(shell: &mut Shell, texts: &[String]) -> Result<Ended> {
    let mut failed = false;
    for text in texts {
        match shell.script(text).await? {
            Ended::Well => {}
            Ended::Failed if shell.keeps_going() => failed = true,
            ended => return Ok(ended),
        }
    }
    Ok(if failed { Ended::Failed } else { Ended::Well })
}

/// The texts of `-c` and `-f`; `None` when statements are typed or piped.
fn texts(args: &SqlArgs) -> Result<Option<Vec<String>>> {
    if let Some(path) = &args.file {
        return read(path).map(|text| Some(vec![text]));
    }
    Ok((!args.command.is_empty()).then(|| args.command.clone()))
}

fn read(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|e| Error::invalid(format!("cannot read {}: {e}", path.display())))
}
