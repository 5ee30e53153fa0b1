//! The files connector: a folder or an object store of Parquet, CSV, JSON and Arrow IPC files as a catalog.
//!
//! `ROOT/orders.parquet` is the table `catalog.public.orders`, and so is the folder `ROOT/orders` with files of one format.
//!
//! | module | answers |
//! |---|---|
//! | `options` | which options are there? |
//! | `store` | where do the bytes come from, and what is never opened or reached? |
//! | `tables` | which files make up which table? |
//! | `partition` | which columns do the names of folders give, and which files does a filter leave? |
//! | `infer` | which columns and types do the files of a table have together? |
//! | `text`, `csv`, `json` | how do texts become values without loss? |
//! | `parquet_file`, `arrow_file` | what do these files say about themselves? |
//! | `provider`, `checked` | how is a table scanned, within which limits? |
//! | `source` | how does a source come into being and notice changes? |

mod arrow_file;
mod checked;
mod csv;
mod error;
mod float_filters;
mod infer;
mod json;
mod options;
mod parquet_file;
mod partition;
mod provider;
mod source;
mod store;
mod tables;
mod text;

pub use options::OPTIONS;
pub use source::FilesConnector;
