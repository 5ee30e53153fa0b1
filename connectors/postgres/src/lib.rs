//! headwater-postgres
