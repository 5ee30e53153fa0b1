//! Asks for a password without showing it.

use std::borrow::Cow;
use std::io::IsTerminal;

use headwater_common::{Error, Result, Secret};
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Config, Editor, Helper};

/// Shows a space for every typed character.
struct Hidden;

impl Completer for Hidden {
    type Candidate = String;
}

impl Hinter for Hidden {
    type Hint = String;
}

impl Highlighter for Hidden {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        " ".repeat(unicode_width::UnicodeWidthStr::width(line)).into()
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        !matches!(kind, CmdKind::MoveCursor)
    }
}

impl Validator for Hidden {}

impl Helper for Hidden {}

/// The password that the user types.
pub(super) async fn ask(user: &str) -> Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::invalid("--user needs --password-file when there is no terminal to ask for the password"));
    }
    let prompt = format!("Password for {user}: ");
    let typed = tokio::task::spawn_blocking(move || {
        let config = Config::builder().color_mode(ColorMode::Forced).auto_add_history(false).build();
        let mut editor: Editor<Hidden, DefaultHistory> = Editor::with_config(config)?;
        editor.set_helper(Some(Hidden));
        editor.readline(&prompt).map(Secret::new)
    });
    let typed = typed.await.map_err(|e| Error::internal(e.to_string()))?;
    typed.map_err(|_| Error::cancelled("no password was given"))
}
