//! Every configuration key outside `[limits]` and `[sources.*]`, as data.

/// One key: its default as text and what it does.
#[derive(Debug, Clone, Copy)]
pub struct SettingSpec {
    /// Dotted key.
    pub key: &'static str,
    /// Default as text; empty when unset.
    pub default: &'static str,
    /// What it does, with units.
    pub description: &'static str,
}

macro_rules! settings {
    ($($key:literal = $default:literal, $description:literal;)*) => {
        /// Every key outside `[limits]` and `[sources.*]`, in the order of the reference page.
        pub const SETTINGS: &[SettingSpec] =
            &[$(SettingSpec { key: $key, default: $default, description: $description },)*];
    };
}

settings! {
    "server.flight_listen" = "127.0.0.1:32010", "Address of the Flight SQL service.";
    "server.tls.certificate" = "", "PEM file with the server's certificate chain; TLS is on when it is set.";
    "server.tls.key" = "", "PEM file with the server's private key.";
    "server.tls.client_ca" = "", "PEM file with authorities of client certificates; when set, clients must present one.";
    "server.auth.users" = "", "Table of user names and passwords. Without users and tokens every client is admitted.";
    "server.auth.tokens" = "", "Table of user names and bearer tokens.";
    "server.insecure" = "false", "Allows listening beyond loopback without TLS or without users.";
    "server.shutdown_grace_ms" = "30000", "How long streams may drain at shutdown, in milliseconds.";
    "server.session_idle_ms" = "3600000", "How long a session may stay idle, in milliseconds.";
    "engine.spill_dir" = "", "Folder of spill files; one under the system's temporary folder when unset.";
    "engine.allow_source_ddl" = "true", "Whether sessions may run CREATE, DROP and REFRESH SOURCE.";
    "engine.allow_writes" = "true", "Whether sessions may run INSERT, UPDATE and DELETE on sources.";
    "engine.allow_native_queries" = "false", "Whether sessions may send texts of their own to sources with query('source', 'text').";
    "engine.target_partitions" = "0", "Partitions that a query is split into; 0 is the number of processors.";
    "engine.batch_rows" = "8192", "Rows per record batch.";
    "engine.file_roots" = "", "Folders below which CREATE SOURCE ... TYPE files may read; none when unset.";
    "engine.object_store_hosts" = "", "Hosts, with or without port, that CREATE SOURCE ... TYPE files may reach at private, loopback or link-local addresses.";
    "optimizer.join_order" = "true", "Whether joins of three or more tables are put into the order that is expected to cost least.";
    "models.location" = "", "Folder or URL (s3://, gs://, az://, file://) of stored models; they are in memory and gone with the process when unset.";
    "models.options" = "", "Table of options of the object store at models.location, such as aws_region.";
    "models.allow_changes" = "true", "Whether sessions may make, change and drop stored models.";
    "models.artifact_bytes" = "268435456", "Longest file of a stored model, in bytes.";
    "models.versions" = "32", "Versions that are kept of a stored model; older ones go, the default stays.";
    "optimizer.push_down_plan" = "true", "Whether joins, aggregates and other parts of a query are computed by the source that has all of their tables.";
    "optimizer.bind_join" = "true", "Whether the keys of one side of a join restrict what is read of the other side.";
    "optimizer.push_down_top_n" = "true", "Whether ORDER BY ... LIMIT n over a remote table fetches n rows.";
    "optimizer.fold_contradictions" = "true", "Whether filters that no row can pass ask no source.";
    "optimizer.ungroup_by_key" = "true", "Whether DISTINCT and GROUP BY over rows that are distinct already are left out.";
    "optimizer.drop_referenced_joins" = "false", "Whether joins with a table in which every row has its match by a foreign key are left out.";
    "optimizer.merge_self_joins" = "true", "Whether a table that is joined with itself on a key is read once.";
    "optimizer.reduce_group_keys" = "true", "Whether GROUP BY a key of a table leaves its other columns out.";
    "optimizer.copy_top_n" = "true", "Whether the first rows of an outer join or UNION ALL are also taken of its inputs.";
    "optimizer.aggregate_below_joins" = "true", "Whether aggregates above a join of several sources begin at a source.";
    "optimizer.split_or_joins" = "true", "Whether joins on one key or another become joins on each when these are look-ups.";
    "optimizer.learning" = "true", "Whether what earlier queries have shown of sources and estimates is used and recorded; a session may set it.";
    "optimizer.plan_guard" = "true", "Whether a plan that is clearly slower than the one before it is reverted; a session may set it.";
    "optimizer.share_reads" = "true", "Whether scans and statements that read the same rows of a source share one reading.";
}
