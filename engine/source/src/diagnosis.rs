//! What is right and wrong with a part of a set-up, for people and for programs.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works; knowing it helps.
    Note,
    /// Works, but will hurt.
    Warning,
    /// Does not work.
    Problem,
}

impl Level {
    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at. Its texts hold no secret and no row value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { level: Level::Ok, text: text.into(), remedy: None }
    }

    /// Something worth knowing.
    pub fn note(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Note, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// Something that will hurt.
    pub fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// Something that does not work.
    pub fn problem(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Problem, text: text.into(), remedy: Some(remedy.into()) }
    }
}
