//! The files connector: a folder of Parquet, CSV, JSON and Arrow IPC files as a catalog.
//!
//! `ROOT/orders.parquet` is the table `catalog.public.orders`. Only files directly in the folder are tables, and a file that a
//! link leads out of the folder to is refused before it is opened.

mod discover;
mod source;

pub use source::FilesConnector;
