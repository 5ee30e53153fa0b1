//! Errors that say who failed and whether trying again can help.

use std::fmt;

/// Result with Headwater's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The statement, a parameter or an option is wrong.
    InvalidInput,
    /// A named thing does not exist.
    NotFound,
    /// A named thing exists already.
    AlreadyExists,
    /// The caller may not do this.
    PermissionDenied,
    /// The caller is not known.
    Unauthenticated,
    /// A limit was reached; the message names the setting.
    LimitExceeded,
    /// A deadline passed.
    Timeout,
    /// Cancelled by the caller or by shutdown.
    Cancelled,
    /// The configuration is wrong.
    Configuration,
    /// A source cannot be reached or broke the connection.
    Unavailable,
    /// A source answered with an error, or with something that does not fit its description.
    SourceFailed,
    /// Not supported.
    Unsupported,
    /// A defect of Headwater.
    Internal,
}

/// Who failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The caller: statement, parameters, options, configuration.
    Client,
    /// A source, by its name.
    Source(String),
    /// Headwater itself.
    Engine,
}

/// An error with its kind, its origin and a message for the user.
///
/// Messages are lower case without a final stop, name the thing and the remedy, and hold no secret and no row value.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    origin: Origin,
    message: String,
    retryable: bool,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! client_errors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(ErrorKind::$kind, Origin::Client, message)
        })*
    };
}

impl Error {
    /// An error that a retry does not help.
    pub fn new(kind: ErrorKind, origin: Origin, message: impl Into<String>) -> Self {
        Self { kind, origin, message: message.into(), retryable: false, cause: None }
    }

    client_errors! {
        /// The statement, a parameter or an option is wrong.
        invalid => InvalidInput;
        /// A named thing does not exist.
        not_found => NotFound;
        /// A named thing exists already.
        already_exists => AlreadyExists;
        /// The caller may not do this.
        denied => PermissionDenied;
        /// The caller is not known.
        unauthenticated => Unauthenticated;
        /// Cancelled.
        cancelled => Cancelled;
        /// The configuration is wrong.
        configuration => Configuration;
        /// Not supported.
        unsupported => Unsupported;
    }

    /// A limit was reached. The message ends with the setting that raises it.
    pub fn limit(message: impl fmt::Display, setting: &str) -> Self {
        Self::new(ErrorKind::LimitExceeded, Origin::Client, format!("{message}; the limit is set by {setting}"))
    }

    /// A deadline passed; the message ends with the setting that extends it.
    pub fn timeout(message: impl fmt::Display, setting: &str) -> Self {
        Self::new(ErrorKind::Timeout, Origin::Client, format!("{message}; the limit is set by {setting}"))
    }

    /// A defect of Headwater.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, Origin::Engine, message)
    }

    /// The source cannot be reached or broke the connection; a retry can help.
    pub fn unavailable(source: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, Origin::Source(source.into()), message).retryable(true)
    }

    /// The source answered with an error.
    pub fn source_failed(source: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::SourceFailed, Origin::Source(source.into()), message)
    }

    /// Says whether trying again can help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Keeps the underlying error for logs. Its text is not shown to clients.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Names the source that failed.
    #[must_use]
    pub fn from_source(mut self, source: impl Into<String>) -> Self {
        self.origin = Origin::Source(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Who failed.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether trying again can help.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// The message without the origin.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Source(name) => write!(f, "source {name}: {}", self.message),
            Origin::Engine => write!(f, "internal error: {}", self.message),
            Origin::Client => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|c| c.as_ref() as _)
    }
}
