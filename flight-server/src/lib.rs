//! headwater-flight-server
