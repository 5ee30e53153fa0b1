//! Lines, typed or piped.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use headwater_common::{Error, ErrorKind, Origin, Result, environment};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::completion::Completion;
use super::statement::{Open, Statements};

/// Longest history, in lines.
const HISTORY_LINES: usize = 10_000;

/// What was read.
pub(super) enum Line {
    /// A line without its line break.
    Text(String),
    /// Ctrl-C while typing.
    Interrupted,
    /// End of input.
    End,
}

type LineEditor = Editor<Completion, FileHistory>;

/// Where lines come from.
pub(super) struct Input {
    /// The editor, when a person types; it is away while it waits for a line.
    editor: Option<Box<LineEditor>>,
    typed: bool,
    completion: Completion,
    history: Option<PathBuf>,
}

impl Input {
    /// Lines from the terminal when there is one, else from standard input as it is.
    pub(super) fn open(history: Option<&Path>) -> Result<Self> {
        let completion = Completion::default();
        if !std::io::stdin().is_terminal() {
            return Ok(Self { editor: None, typed: false, completion, history: None });
        }
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .max_history_size(HISTORY_LINES)
            .map_err(|e| input_error(&e))?
            .build();
        let mut editor = LineEditor::with_config(config).map_err(|e| input_error(&e))?;
        editor.set_helper(Some(completion.clone()));
        let history = match history {
            Some(path) if path.as_os_str().is_empty() => None,
            Some(path) => Some(path.to_owned()),
            None => default_history(),
        };
        if let Some(path) = &history {
            // The first run has none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor: Some(Box::new(editor)), typed: true, completion, history })
    }

    /// The names to complete.
    pub(super) fn completion(&self) -> &Completion {
        &self.completion
    }

    /// Whether a person types.
    pub(super) fn is_typed(&self) -> bool {
        self.typed
    }

    /// The next line.
    pub(super) async fn read(&mut self, statements: &Statements, default: &str) -> Result<Line> {
        if !self.typed {
            let read = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line).map(|n| (n > 0).then_some(line))
            });
            let line = read.await.map_err(|e| input_error(&e))?.map_err(|e| input_error(&e))?;
            return Ok(line.map_or(Line::End, |l| Line::Text(l.trim_end_matches(['\r', '\n']).to_owned())));
        }
        let Some(mut editor) = self.editor.take() else { return Ok(Line::End) };
        let prompt = prompt(statements, default);
        let history = self.history.clone();
        let read = tokio::task::spawn_blocking(move || {
            let line = editor.readline(&prompt);
            if let (Ok(_), Some(path)) = (&line, &history) {
                save(&mut editor, path);
            }
            (line, editor)
        });
        let (line, editor) = read.await.map_err(|e| input_error(&e))?;
        self.editor = Some(editor);
        match line {
            Ok(line) => Ok(Line::Text(line)),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(e) => Err(input_error(&e)),
        }
    }
}

/// The prompt says what the text is in the middle of.
fn prompt(statements: &Statements, default: &str) -> String {
    let sign = match statements.open() {
        _ if statements.is_blank() => return format!("{default}> "),
        Open::Plain | Open::Line => '-',
        Open::Quote(quote, _) => *quote,
        Open::Block(_) => '*',
        Open::Dollar(_) => '$',
    };
    format!("{}{sign}> ", " ".repeat(default.chars().count().saturating_sub(1)))
}

/// Keeps the history for its owner only: statements can hold anything.
fn save(editor: &mut LineEditor, path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    if let Err(e) = editor.save_history(path) {
        tracing::warn!(path = %path.display(), error = %e, "the history cannot be kept");
    }
}

fn default_history() -> Option<PathBuf> {
    let state = environment::variable("XDG_STATE_HOME").filter(|s| !s.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| environment::variable("HOME").map(|home| Path::new(&home).join(".local/state")));
    state.map(|s| s.join("headwater/history"))
}

fn input_error(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Internal, Origin::Client, format!("cannot read the input: {error}"))
}
