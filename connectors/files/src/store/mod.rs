//! Where the bytes come from: a folder that is never left, object stores, and the check that a file is still the same.

pub(crate) mod egress;
pub(crate) mod local;
pub(crate) mod location;
pub(crate) mod pinned;
pub(crate) mod remote;
