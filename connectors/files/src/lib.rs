//! headwater-files
