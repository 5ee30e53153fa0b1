//! Fixed statements over the system catalog. Names are qualified, so no search path changes what they mean; values are bound.

/// Version number and encoding.
pub(crate) const SERVER: &str = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
    pg_catalog.getdatabaseencoding()::pg_catalog.text, pg_catalog.version()";

/// Changes when a table, column, constraint or type of a user's schema was created, altered or dropped, when the triggers of a
/// constraint were switched on or off, and when other rows may be seen than before. ANALYZE and VACUUM update `pg_class` in place
/// and leave `xmin` alone.
pub(crate) const FINGERPRINT: &str = "SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws('|', \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(c.oid::pg_catalog.text || ':' || c.xmin::pg_catalog.text \
       || pg_catalog.row_security_active(c.oid)::pg_catalog.text, 0)) \
       FROM pg_catalog.pg_class c WHERE c.relkind IN ('r','v','m','f','p') AND c.oid >= 16384 AND c.relpersistence <> 't'), \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(a.attrelid::pg_catalog.text || ':' || a.attnum || ':' \
       || a.xmin::pg_catalog.text, 0)) FROM pg_catalog.pg_attribute a WHERE a.attrelid >= 16384 AND a.attnum > 0), \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(k.oid::pg_catalog.text || ':' || k.xmin::pg_catalog.text, 0)) \
       FROM pg_catalog.pg_constraint k WHERE k.oid >= 16384), \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(g.oid::pg_catalog.text || ':' || g.tgenabled::pg_catalog.text, 0)) \
       FROM pg_catalog.pg_trigger g WHERE g.tgconstraint <> 0), \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(e.oid::pg_catalog.text || ':' || e.xmin::pg_catalog.text, 0)) \
       FROM pg_catalog.pg_enum e), \
    (SELECT pg_catalog.sum(pg_catalog.hashtextextended(n.oid::pg_catalog.text || ':' || n.nspname, 0)) \
       FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)')), 0)";

/// Schemas: name.
pub(crate) const SCHEMAS: &str = "SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')";

/// Tables: oid, schema, name, kind, rows, blocks, bytes, comment, whether a part of it cannot be read by ranges of blocks,
/// whether COPY cannot write to it. Rows of a table with children are those of all together, its blocks those of the largest.
pub(crate) const TABLES: &str = "SELECT c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, \
    c.relkind::pg_catalog.text, \
    CASE WHEN d.parts IS NULL THEN c.reltuples::pg_catalog.float8 ELSE d.rows END, \
    (CASE WHEN d.parts IS NOT NULL THEN d.bytes WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END \
      / pg_catalog.current_setting('block_size')::pg_catalog.int8)::pg_catalog.int8, \
    CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) END, \
    pg_catalog.obj_description(c.oid, 'pg_class'), \
    c.relkind IN ('r', 'm') AND c.relam <> 2 OR COALESCE(d.elsewhere, false), \
    c.relkind = 'v' OR pg_catalog.row_security_active(c.oid) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN LATERAL (WITH RECURSIVE parts AS (SELECT c.oid UNION SELECT i.inhrelid FROM parts p \
            JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid) \
        SELECT pg_catalog.count(*) AS parts, \
            pg_catalog.sum(k.reltuples) FILTER (WHERE k.relkind <> 'p' AND k.reltuples >= 0)::pg_catalog.float8 AS rows, \
            pg_catalog.max(pg_catalog.pg_relation_size(k.oid)) FILTER (WHERE k.relkind = 'r') AS bytes, \
            pg_catalog.bool_or(k.relkind NOT IN ('r', 'p') OR k.relkind = 'r' AND k.relam <> 2) AS elsewhere \
        FROM parts p JOIN pg_catalog.pg_class k ON k.oid = p.oid HAVING pg_catalog.count(*) > 1) d ON c.relhassubclass \
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relpersistence <> 't' \
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))";

/// Columns of all tables in order: table, name, type, modifier, dimensions, whether no row has a null (a constraint may be not
/// validated, or missing in a table that inherits), default, generated or identity always,
/// whether the collation is deterministic, the type as text, identity, number, name of the collation.
pub(crate) const COLUMNS: &str = "SELECT a.attrelid, a.attname::pg_catalog.text, a.atttypid, a.atttypmod, \
    a.attndims::pg_catalog.int4, \
    a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' \
        AND k.conkey[1] = a.attnum AND NOT k.convalidated) \
    AND NOT (c.relhassubclass AND EXISTS (WITH RECURSIVE parts AS (SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
            WHERE i.inhparent = c.oid UNION SELECT i.inhrelid FROM parts p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.inhrelid) \
        SELECT FROM parts p JOIN pg_catalog.pg_attribute b ON b.attrelid = p.inhrelid AND b.attname = a.attname \
        LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = b.attrelid AND k.contype = 'n' AND k.conkey[1] = b.attnum \
        WHERE NOT b.attnotnull OR NOT k.convalidated)), \
    pg_catalog.pg_get_expr(d.adbin, d.adrelid), \
    (a.attgenerated <> '' OR a.attidentity = 'a'), COALESCE(l.collisdeterministic, true), \
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attidentity <> '', a.attnum, \
    CASE l.collname WHEN 'default' THEN (SELECT b.datcollate::pg_catalog.text FROM pg_catalog.pg_database b \
      WHERE b.datname = pg_catalog.current_database()) ELSE l.collname::pg_catalog.text END \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'f', 'p') \
    AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY a.attrelid, a.attnum";

/// Keys: table, name, kind (p, u, f), columns, referenced schema, table and columns, rules, whether a foreign key holds for all
/// rows. One holds when it is validated (which one that is not enforced never is), its triggers are on, all its operators are `=`
/// (those of periods are not), row security hides no referenced row, no other table inherits from this one, and it is no
/// part of a key of partitions that refers to one of them. Unique keys whose columns may be
/// null, deferrable ones, and keys of tables that others inherit from are left out: rows may repeat in them.
pub(crate) const KEYS: &str = "SELECT k.conrelid, k.conname::pg_catalog.text, k.contype::pg_catalog.text, k.conkey, \
    fn.nspname::pg_catalog.text, f.relname::pg_catalog.text, \
    ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(n, i) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i), \
    k.confupdtype::pg_catalog.text, k.confdeltype::pg_catalog.text, \
    CASE WHEN k.contype <> 'f' THEN false ELSE k.convalidated AND NOT pg_catalog.row_security_active(k.confrelid) \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.oid = k.conrelid AND t.relhassubclass AND t.relkind <> 'p') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid) \
        AND NOT EXISTS (SELECT FROM pg_catalog.unnest(k.conpfeqop) o JOIN pg_catalog.pg_operator e ON e.oid = o \
            WHERE e.oprname <> '=') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgenabled NOT IN ('O', 'A') AND (g.tgconstraint = k.oid \
            OR g.tgconstraint IN (SELECT p.oid FROM pg_catalog.pg_constraint p WHERE p.conparentid = k.oid))) END \
    FROM pg_catalog.pg_constraint k \
    LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
    WHERE k.contype IN ('p', 'u', 'f') AND NOT (k.contype IN ('p', 'u') AND k.condeferrable) AND k.conrelid <> 0 \
    AND NOT (k.contype IN ('p', 'u') AND EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.oid = k.conrelid \
        AND t.relhassubclass AND t.relkind <> 'p')) \
    AND NOT (k.contype = 'u' AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid \
        AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull)) ORDER BY k.conrelid, k.conname";

/// Statistics of columns: schema, table, column, share of nulls, distinct values (negative: share of rows), most common values and
/// histogram as texts, bytes of a value that is not null.
pub(crate) const STATISTICS: &str = "SELECT s.schemaname::pg_catalog.text, s.tablename::pg_catalog.text, \
    s.attname::pg_catalog.text, s.null_frac, s.n_distinct, s.most_common_vals::pg_catalog.text, \
    s.histogram_bounds::pg_catalog.text, s.avg_width FROM pg_catalog.pg_stats s \
    WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema' ORDER BY s.inherited";

/// Begins a transaction for reading and shares its snapshot.
pub(crate) const BEGIN_AND_SHARE: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_catalog.pg_export_snapshot()";

/// Begins a transaction for reading.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Where a cancelled read goes back to.
pub(crate) const SAVEPOINT: &str = "SAVEPOINT headwater";

/// Undoes a cancelled read.
pub(crate) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT headwater";

/// Begins a transaction that changes rows.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Ends a transaction and keeps its changes.
pub(crate) const COMMIT: &str = "COMMIT";

/// Ends a transaction.
pub(crate) const ROLLBACK: &str = "ROLLBACK";
