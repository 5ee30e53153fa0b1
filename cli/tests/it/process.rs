//! Runs the program and looks at what it leaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, without settings of the caller's environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    for (name, _) in headwater_common::environment::variables_with_prefix("HEADWATER_") {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end with a text on standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // The program may end without reading everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs it with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(program().args(arguments), "")
}

/// A configuration file in a folder.
pub(crate) fn config(folder: &Path, text: &str) -> String {
    let path = folder.join("headwater.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// `[sources.NAME]` for a Postgres database.
pub(crate) fn postgres(name: &str, url: &str) -> String {
    format!("[sources.{name}]\nkind = \"postgres\"\nurl = \"{url}\"\nsslmode = \"disable\"\n")
}

/// A program that runs until it is told to stop.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    /// Reads standard output up to a line that holds a text.
    pub(crate) fn out_until(&mut self, text: &str) -> String {
        until(&mut self.out, text)
    }

    /// Reads standard error up to a line that holds a text.
    pub(crate) fn err_until(&mut self, text: &str) -> String {
        until(&mut self.err, text)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end; the exit code and what was still written to standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A failed test leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(from: &mut impl BufRead, text: &str) -> String {
    let mut all = String::new();
    loop {
        let before = all.len();
        from.read_line(&mut all).unwrap();
        assert!(all.len() > before, "ended without {text:?}:\n{all}");
        if all[before..].contains(text) {
            return all;
        }
    }
}
