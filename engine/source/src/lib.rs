//! headwater-source
