//! headwater-sqlgen
