//! Looks at a reachable database for what is wrong or will be.

use headwater_common::Result;
use headwater_source::Finding;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::config::{PostgresConfig, SslMode};
use crate::error::classify;
use crate::source::PostgresSource;

/// Names that are listed before the others are only counted.
const NAMES_SHOWN: usize = 5;

const ENCRYPTION: &str = "SELECT s.ssl, s.version::pg_catalog.text FROM pg_catalog.pg_stat_ssl s \
    WHERE s.pid = pg_catalog.pg_backend_pid()";

const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.getdatabaseencoding()::pg_catalog.text";

/// Wanted schemas that do not exist.
const MISSING_SCHEMAS: &str = "SELECT w.name FROM pg_catalog.unnest($1::pg_catalog.text[]) w(name) \
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname::pg_catalog.text = w.name) ORDER BY 1";

/// Shown schemas that may not be used.
const CLOSED_SCHEMAS: &str = "SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND (pg_catalog.cardinality($1::pg_catalog.text[]) = 0 OR n.nspname::pg_catalog.text = ANY ($1)) \
    AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY 1";

/// Tables of usable schemas that may not be read.
const CLOSED_TABLES: &str = "SELECT n.nspname::pg_catalog.text || '.' || c.relname::pg_catalog.text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relpersistence <> 't' \
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND (pg_catalog.cardinality($1::pg_catalog.text[]) = 0 OR n.nspname::pg_catalog.text = ANY ($1)) \
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
    AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')) \
    ORDER BY 1";

/// Tables with rows that were never analyzed, or of which half has changed since.
const STATISTICS: &str = "SELECT n.nspname::pg_catalog.text || '.' || c.relname::pg_catalog.text, c.reltuples < 0 \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid \
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' \
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND (pg_catalog.cardinality($1::pg_catalog.text[]) = 0 OR n.nspname::pg_catalog.text = ANY ($1)) \
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') \
    AND pg_catalog.pg_relation_size(c.oid) > 0 \
    AND (c.reltuples < 0 OR s.n_mod_since_analyze > GREATEST(1000, c.reltuples / 2)) ORDER BY 1";

/// Connections: allowed by the server, kept for superusers, in use, allowed for the user and for the database (-1: all).
const CONNECTIONS: &str = "SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int4, \
    pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4, \
    (SELECT pg_catalog.count(*)::pg_catalog.int4 FROM pg_catalog.pg_stat_activity a \
        WHERE a.backend_type = 'client backend' AND a.application_name <> 'headwater'), \
    r.rolconnlimit, d.datconnlimit FROM pg_catalog.pg_roles r, pg_catalog.pg_database d \
    WHERE r.rolname = CURRENT_USER AND d.datname = pg_catalog.current_database()";

/// Everything worth saying about a source.
pub(crate) async fn diagnose(source: &PostgresSource) -> Result<Vec<Finding>> {
    let client = source.connections.get().await?;
    let database = Database { client: &client, source: &source.name, config: &source.config };
    let mut found = vec![database.encryption().await?];
    found.extend(database.state().await?);
    found.extend(database.privileges().await?);
    found.push(database.statistics().await?);
    found.push(database.connections().await?);
    Ok(found)
}

struct Database<'a> {
    client: &'a Client,
    source: &'a str,
    config: &'a PostgresConfig,
}

impl Database<'_> {
    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.client.query(sql, parameters).await.map_err(|e| classify(self.source, e))
    }

    async fn names(&self, sql: &str) -> Result<Vec<String>> {
        let rows = self.rows(sql, &[&self.config.schemas]).await?;
        rows.iter().map(|row| self.get(row, 0)).collect()
    }

    fn get<'r, T: tokio_postgres::types::FromSql<'r>>(&self, row: &'r Row, at: usize) -> Result<T> {
        row.try_get(at).map_err(|e| classify(self.source, e))
    }

    async fn encryption(&self) -> Result<Finding> {
        let rows = self.rows(ENCRYPTION, &[]).await?;
        let version = match rows.first() {
            Some(row) if self.get::<bool>(row, 0)? => self.get::<Option<String>>(row, 1)?,
            _ => None,
        };
        Ok(encryption(self.config, version.as_deref()))
    }

    async fn state(&self) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        for row in &self.rows(STATE, &[]).await? {
            if self.get(row, 0)? {
                found.push(Finding::note("the server is a standby", "INSERT, UPDATE and DELETE need the primary server"));
            }
            let encoding: String = self.get(row, 1)?;
            if encoding != "UTF8" {
                let text = format!("the database's encoding is {encoding}");
                found.push(Finding::note(text, "filters on texts run here, not at the source; a UTF8 database is faster"));
            }
        }
        Ok(found)
    }

    async fn privileges(&self) -> Result<Vec<Finding>> {
        let user = &self.config.user;
        let mut found = Vec::new();
        let missing = self.names(MISSING_SCHEMAS).await?;
        if !missing.is_empty() {
            let text = format!("option schemas names what does not exist: {}", listed(&missing));
            found.push(Finding::problem(text, "correct the option; names keep their case"));
        }
        let closed = self.names(CLOSED_SCHEMAS).await?;
        if !closed.is_empty() {
            let text = format!("{} cannot be used: {}", counted(closed.len(), "schema"), listed(&closed));
            found.push(Finding::warning(text, format!("grant USAGE on the schema to user {user}, or set option schemas")));
        }
        let tables = self.names(CLOSED_TABLES).await?;
        if !tables.is_empty() {
            let text = format!("{} cannot be read: {}", counted(tables.len(), "table"), listed(&tables));
            found.push(Finding::warning(text, format!("grant SELECT on them to user {user}, or set option schemas")));
        }
        if found.is_empty() {
            found.push(Finding::ok(format!("user {user} may read every table of its schemas")));
        }
        Ok(found)
    }

    async fn statistics(&self) -> Result<Finding> {
        let (mut never, mut old) = (Vec::new(), Vec::new());
        for row in &self.rows(STATISTICS, &[&self.config.schemas]).await? {
            let name: String = self.get(row, 0)?;
            if self.get(row, 1)? { never.push(name) } else { old.push(name) }
        }
        let mut parts = Vec::new();
        for (tables, what) in [(never, "never analyzed"), (old, "changed by more than half since ANALYZE")] {
            if !tables.is_empty() {
                parts.push(format!("{} {what}: {}", counted(tables.len(), "table"), listed(&tables)));
            }
        }
        Ok(match parts.is_empty() {
            true => Finding::ok("the statistics of all tables are fresh"),
            false => Finding::warning(parts.join("; "), "run ANALYZE at the source; plans depend on row counts"),
        })
    }

    async fn connections(&self) -> Result<Finding> {
        let rows = self.rows(CONNECTIONS, &[]).await?;
        let Some(row) = rows.first() else { return Ok(Finding::ok("the connection limit is not shown to this user")) };
        let (most, kept, used): (i32, i32, i32) = (self.get(row, 0)?, self.get(row, 1)?, self.get(row, 2)?);
        let (role, database): (i32, i32) = (self.get(row, 3)?, self.get(row, 4)?);
        let own = [role, database].into_iter().filter(|limit| *limit >= 0).min().unwrap_or(i32::MAX);
        Ok(connections(self.config.pool_size, most - kept, used, own))
    }
}

fn encryption(config: &PostgresConfig, version: Option<&str>) -> Finding {
    let near = matches!(config.host.as_str(), "localhost" | "127.0.0.1" | "::1") || config.host.starts_with('/');
    match (version, config.ssl_mode) {
        (Some(version), SslMode::VerifyFull) => Finding::ok(format!("encrypted ({version}); the server is verified")),
        (Some(version), SslMode::VerifyCa) => Finding::note(
            format!("encrypted ({version}); the server's certificate is verified, its name is not"),
            "set sslmode to verify-full",
        ),
        (Some(version), _) => Finding::note(
            format!("encrypted ({version}), but nobody checks who the server is"),
            "set sslmode to verify-full, and ssl_root_certificate to the authority of the server's certificate",
        ),
        (None, _) if near => Finding::ok("not encrypted; the server is on this machine"),
        (None, _) => Finding::warning(
            "not encrypted: passwords and rows can be read on the network",
            "switch TLS on at the server and set sslmode to verify-full",
        ),
    }
}

/// Compares the pool with what the server gives: connections for ordinary users, those in use by others, the user's own limit.
fn connections(pool: usize, open: i32, used: i32, own: i32) -> Finding {
    let pool = i32::try_from(pool).unwrap_or(i32::MAX);
    let most = open.min(own);
    if pool > most {
        return Finding::problem(
            format!("pool_size is {pool}, but the server gives this user at most {most} connections"),
            "lower pool_size, or raise max_connections or the user's CONNECTION LIMIT",
        );
    }
    if pool > open - used {
        return Finding::warning(
            format!("pool_size is {pool}, but only {} of {open} connections are free now", (open - used).max(0)),
            "lower pool_size or raise max_connections",
        );
    }
    Finding::ok(format!("pool_size {pool} fits: {used} of {open} connections are used by others"))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_common::config::Options;
    use headwater_source::Level;

    #[test]
    fn a_pool_is_compared_with_what_the_server_gives() {
        assert_eq!(connections(8, 97, 3, i32::MAX).level, Level::Ok);
        assert_eq!(connections(8, 97, 90, i32::MAX).level, Level::Warning);
        assert_eq!(connections(98, 97, 0, i32::MAX).level, Level::Problem);
        assert_eq!(connections(8, 97, 0, 5).level, Level::Problem);
    }

    #[test]
    fn encryption_matters_beyond_this_machine() {
        let config = |host: &str, mode: &str| {
            PostgresConfig::read(&Options::new().with("host", host).with("sslmode", mode)).unwrap()
        };
        assert_eq!(encryption(&config("127.0.0.1", "disable"), None).level, Level::Ok);
        assert_eq!(encryption(&config("db.example", "prefer"), None).level, Level::Warning);
        assert_eq!(encryption(&config("db.example", "require"), Some("TLSv1.3")).level, Level::Note);
        assert_eq!(encryption(&config("db.example", "verify-full"), Some("TLSv1.3")).level, Level::Ok);
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..7).map(|i| format!("t{i}")).collect();
        assert_eq!(listed(&names), "t0, t1, t2, t3, t4 and 2 more");
        assert_eq!(counted(1, "table"), "1 table");
    }
}
