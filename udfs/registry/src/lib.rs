//! Stored models: the form of their files, their versions, and which version counts.
//!
//! | question | module |
//! |---|---|
//! | how do values become bytes and back? | [`codec`] |
//! | what is a model file? | [`artifact`] |
//! | what was a model trained on? | [`fingerprint`] |
//! | which versions are there, which is the default? | [`manifest`], [`version`] |
//! | where are the files? | [`store`], [`memory`] |
//! | publish, load, choose, roll back, drop | [`registry`] |
//!
//! Nothing here reads a clock, a file or a network: the time is passed in, and files belong to a [`store::Store`].

pub mod artifact;
pub mod codec;
pub mod fingerprint;
pub mod manifest;
pub mod memory;
pub mod name;
pub mod registry;
pub mod store;
pub mod version;

pub use artifact::Artifact;
pub use codec::{Codec, Reader, Writer};
pub use fingerprint::Fingerprint;
pub use manifest::{Manifest, Strategy};
pub use memory::MemoryStore;
pub use name::ModelName;
pub use registry::{Limits, Mode, Registry};
pub use store::Store;
pub use version::{About, Version};
