//! Where results go: standard output or a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use headwater_common::{Error, ErrorKind, Origin, Result};
use tempfile::NamedTempFile;

use crate::format::{Sink, Style, output_error, sink};

/// Where results go.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Standard,
    /// A file that takes its name when everything is written, so that a failure leaves the old one.
    Replacing(Box<NamedTempFile>, PathBuf),
    /// A file that is written as results come: of `\o`, or a device or pipe.
    Direct(BufWriter<File>),
}

impl Output {
    /// A file that is replaced at [`Output::commit`]; a device or pipe is written directly.
    pub(crate) fn replacing(path: &Path) -> Result<Self> {
        let special = std::fs::metadata(path).is_ok_and(|m| !m.is_file());
        if special {
            return File::options()
                .write(true)
                .open(path)
                .map(|f| Self::Direct(BufWriter::new(f)))
                .map_err(|e| fail(path, &e));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".headwater-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(|e| fail(path, &e))?;
        Ok(Self::Replacing(Box::new(file), path.to_owned()))
    }

    /// A file that is written as results come.
    pub(crate) fn direct(path: &Path) -> Result<Self> {
        File::create(path).map(|f| Self::Direct(BufWriter::new(f))).map_err(|e| fail(path, &e))
    }

    /// A writer for one result.
    pub(crate) fn writer(&mut self) -> Box<dyn Write + Send + '_> {
        match self {
            Self::Standard => Box::new(std::io::stdout()),
            Self::Replacing(file, _) => Box::new(file.as_file_mut()),
            Self::Direct(file) => Box::new(file),
        }
    }

    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard) && std::io::IsTerminal::is_terminal(&std::io::stdout())
    }

    /// A sink for one result; the terminal's width counts when the result goes there.
    pub(crate) fn sink(&mut self, style: &Style, schema: &SchemaRef) -> Result<Box<dyn Sink + '_>> {
        let width = self.is_terminal().then(|| console::Term::stdout().size_checked()).flatten();
        let style = Style { width: width.map(|(_, columns)| usize::from(columns)), ..style.clone() };
        sink(&style, schema, self.writer())
    }

    /// Puts a replaced file in place.
    pub(crate) fn commit(self) -> Result<()> {
        match self {
            Self::Standard => Ok(()),
            Self::Replacing(file, path) => file.persist(&path).map(drop).map_err(|e| fail(&path, &e.error)),
            Self::Direct(mut file) => file.flush().map_err(output_error),
        }
    }
}

fn fail(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, Origin::Client, format!("cannot write {}: {error}", path.display()))
}
