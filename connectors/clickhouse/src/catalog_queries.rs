//! Fixed statements over the system tables.

macro_rules! users_tables {
    ($start:literal, $table:literal, $end:literal) => {
        concat!(
            $start,
            " WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema', '_temporary_and_external_tables')",
            " AND NOT startsWith(",
            $table,
            ", '.inner.') AND NOT startsWith(",
            $table,
            ", '.inner_id.')",
            $end,
            " FORMAT JSONCompactEachRow"
        )
    };
}

/// Version and display name.
pub(crate) const SERVER: &str = "SELECT version(), currentUser() FORMAT JSONCompactEachRow";

/// Settings: name, value, and whether this user may not change it.
pub(crate) const SETTINGS: &str = "SELECT name, value, toBool(readonly) FROM system.settings FORMAT JSONCompactEachRow";

/// Databases: name.
pub(crate) const DATABASES: &str = "SELECT name FROM system.databases \
    WHERE name NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema', '_temporary_and_external_tables') \
    FORMAT JSONCompactEachRow";

/// Changes when a table or column was created, altered or dropped.
pub(crate) const FINGERPRINT_TABLES: &str = users_tables!(
    "SELECT toString(sum(cityHash64(database, name, toString(uuid), engine, toString(metadata_modification_time), comment))), \
     count() FROM system.tables",
    "name",
    " AND NOT is_temporary"
);

/// The columns' part of the fingerprint.
pub(crate) const FINGERPRINT_COLUMNS: &str = users_tables!(
    "SELECT toString(sum(cityHash64(database, table, name, type, position, default_kind))), count() FROM system.columns",
    "table",
    ""
);

/// Tables: database, name, engine, rows, bytes, comment, partition key, sorting key, primary key.
pub(crate) const TABLES: &str = users_tables!(
    "SELECT database, name, engine, toString(total_rows), toString(total_bytes), comment, partition_key, sorting_key, \
     primary_key FROM system.tables",
    "name",
    " AND NOT is_temporary"
);

/// Columns in order: database, table, name, type, kind and text of the default, comment, whether it is in the partition key,
/// the sorting key and the primary key, bytes.
pub(crate) const COLUMNS: &str = users_tables!(
    "SELECT database, table, name, type, default_kind, default_expression, comment, toBool(is_in_partition_key), \
     toBool(is_in_sorting_key), toBool(is_in_primary_key), toString(data_uncompressed_bytes) FROM system.columns",
    "table",
    " ORDER BY database, table, position"
);

/// The range of the dates and times by which tables are partitioned: database, table, first and last day, first and last
/// second.
pub(crate) const PARTS: &str = users_tables!(
    "SELECT database, table, toInt32(min(min_date)), toInt32(max(max_date)), toString(toUnixTimestamp(min(min_time))), \
     toString(toUnixTimestamp(max(max_time))) FROM system.parts",
    "table",
    " AND active GROUP BY database, table"
);
