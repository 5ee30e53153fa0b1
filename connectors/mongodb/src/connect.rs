//! Commands to the server.

use bson::{Document, RawDocumentBuf};
use futures::StreamExt;
use headwater_common::retry::Backoff;
use headwater_common::{Error, ErrorKind, Origin, Result};
use mongodb::Client;
use mongodb::error::Error as DriverError;
use mongodb::options::{ClientOptions, Credential, ReadConcern, ReadPreference, SelectionCriteria, Tls, TlsOptions};
use mongodb::raw_batch_cursor::RawBatchCursor;
use tokio::sync::OnceCell;

use crate::config::{MongoConfig, ReadFrom};
use crate::error::failed;

/// Bytes of an answer to a question about the server itself.
const ANSWER_BYTES: usize = 1 << 28;

/// Commands of one source. It connects when it is first used.
#[derive(Debug)]
pub(crate) struct Connections {
    source: String,
    config: MongoConfig,
    client: OnceCell<Client>,
}

impl Connections {
    /// Connects when it is first used.
    pub(crate) fn new(source: &str, config: &MongoConfig) -> Self {
        Self { source: source.to_owned(), config: config.clone(), client: OnceCell::new() }
    }

    /// The driver's client.
    pub(crate) async fn client(&self) -> Result<&Client> {
        if self.client.get().is_none() {
            self.files_are_there()?;
        }
        let made = self.client.get_or_try_init(|| async {
            let options = ClientOptions::parse(self.config.url.expose()).await?;
            Client::with_options(self.options(options))
        });
        made.await.map_err(|e| self.failed(&e))
    }

    /// The driver would say neither which file nor which option.
    fn files_are_there(&self) -> Result<()> {
        let files = [
            ("ssl_root_certificate", &self.config.ssl_root_certificate),
            ("ssl_certificate", &self.config.ssl_certificate),
        ];
        for (option, path) in files {
            if let Some(path) = path {
                std::fs::File::open(path).map_err(|e| {
                    Error::configuration(format!("option \"{option}\": cannot read {}: {e}", path.display()))
                })?;
            }
        }
        Ok(())
    }

    /// Options of the URL, overruled by those of their own.
    fn options(&self, mut options: ClientOptions) -> ClientOptions {
        let config = &self.config;
        options.app_name.get_or_insert_with(|| "headwater".to_owned());
        options.max_pool_size = Some(config.pool_size);
        options.connect_timeout = Some(config.connect_timeout);
        options.server_selection_timeout = Some(config.server_selection_timeout);
        // One query never reads a part of its rows twice: what is read again is decided here.
        options.retry_reads = Some(false);
        let credential = config.user.is_some() || config.password.is_some() || config.auth_mechanism.is_some();
        if credential || config.auth_source.is_some() {
            let mut found = options.credential.take().unwrap_or_else(|| Credential::builder().build());
            found.username = config.user.clone().or(found.username);
            found.password = config.password.as_ref().map(|p| p.expose().to_owned()).or(found.password);
            found.source = config.auth_source.clone().or(found.source);
            found.mechanism = config.auth_mechanism.clone().or(found.mechanism);
            options.credential = Some(found);
        }
        let files = config.ssl_root_certificate.is_some() || config.ssl_certificate.is_some();
        if config.tls == Some(false) {
            options.tls = Some(Tls::Disabled);
        } else if config.tls == Some(true) || files {
            let mut tls = match options.tls.take() {
                Some(Tls::Enabled(tls)) => tls,
                _ => TlsOptions::builder().build(),
            };
            tls.ca_file_path = config.ssl_root_certificate.clone().or(tls.ca_file_path);
            tls.cert_key_file_path = config.ssl_certificate.clone().or(tls.cert_key_file_path);
            options.tls = Some(Tls::Enabled(tls));
        }
        if let Some(from) = config.read_from {
            options.selection_criteria = Some(SelectionCriteria::ReadPreference(preference(from)));
        }
        if let Some(level) = &config.read_concern {
            options.read_concern = Some(ReadConcern::custom(level.clone()));
        }
        options
    }

    /// An error of the driver as one of this source.
    pub(crate) fn failed(&self, error: &DriverError) -> Error {
        failed(&self.source, error)
    }

    /// What the server says, if it does in time.
    pub(crate) async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        tokio::time::timeout(self.config.response_timeout, answer).await.map_err(|_| {
            let message = "the server did not answer in time; raise option \"response_timeout_ms\"";
            Error::new(ErrorKind::Timeout, Origin::Source(self.source.clone()), message)
        })
    }

    /// Runs a command that changes nothing.
    pub(crate) async fn command(&self, database: &str, command: Document) -> Result<Document> {
        let client = self.client().await?;
        let database = client.database(database);
        let mut run = database.run_command(command);
        if let Some(criteria) = client.selection_criteria() {
            run = run.selection_criteria(criteria.clone());
        }
        self.in_time(run.into_future()).await?.map_err(|e| self.failed(&e))
    }

    /// Starts a command whose answer is a cursor. It is started again when the server cannot be reached: nothing was read yet.
    pub(crate) async fn cursor(&self, database: &str, command: &Document, batch_rows: u32) -> Result<RawBatchCursor> {
        let ask = || self.start(database, command.clone(), batch_rows);
        Backoff::default().ask(&self.source, rand::random, ask).await
    }

    async fn start(&self, database: &str, mut command: Document, batch_rows: u32) -> Result<RawBatchCursor> {
        let client = self.client().await?;
        if let Some(concern) = client.read_concern().filter(|_| !command.contains_key("listCollections")) {
            let concern = bson::serialize_to_bson(concern);
            command.insert("readConcern", concern.map_err(|e| Error::internal(format!("a read concern is no BSON: {e}")))?);
        }
        let database = client.database(database);
        let mut run = database.run_cursor_command(command).batch_size(batch_rows);
        if let Some(criteria) = client.selection_criteria() {
            run = run.selection_criteria(criteria.clone());
        }
        self.in_time(run.batch().into_future()).await?.map_err(|e| self.failed(&e))
    }

    /// All documents of a command's cursor; for questions about the server and its collections.
    pub(crate) async fn documents(&self, database: &str, command: &Document) -> Result<Vec<RawDocumentBuf>> {
        let mut cursor = self.cursor(database, command, 1_000).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = self.in_time(cursor.next()).await? {
            let batch = batch.map_err(|e| self.failed(&e))?;
            for document in batch.doc_slices().map_err(|e| self.failed(&e))? {
                let document = document.ok().and_then(|d| d.as_document()).map(ToOwned::to_owned);
                let document = document.ok_or_else(|| Error::source_failed(&self.source, "an answer is no valid BSON"))?;
                bytes += document.as_bytes().len();
                found.push(document);
            }
            if bytes > ANSWER_BYTES {
                let message = "documents of a sample are too large; lower option \"sample_size\"";
                return Err(Error::source_failed(&self.source, message));
            }
        }
        Ok(found)
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        if let Some(client) = self.client.get() {
            client.clone().shutdown().immediate(true).await;
        }
    }
}

fn preference(from: ReadFrom) -> ReadPreference {
    match from {
        ReadFrom::Primary => ReadPreference::Primary,
        ReadFrom::PrimaryPreferred => ReadPreference::PrimaryPreferred { options: None },
        ReadFrom::Secondary => ReadPreference::Secondary { options: None },
        ReadFrom::SecondaryPreferred => ReadPreference::SecondaryPreferred { options: None },
        ReadFrom::Nearest => ReadPreference::Nearest { options: None },
    }
}

#[cfg(test)]
mod tests {
    use headwater_common::config::Options;
    use mongodb::options::AuthMechanism;

    use super::*;

    /// What the driver is told of a source with these options.
    async fn told(url: &str, options: &[(&str, &str)]) -> ClientOptions {
        let options = options.iter().fold(Options::new().with("url", url), |all, (name, value)| all.with(name, *value));
        let config = MongoConfig::read(&options).unwrap();
        let parsed = ClientOptions::parse(config.url.expose()).await.unwrap();
        Connections::new("shop", &config).options(parsed)
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]
    async fn every_way_to_sign_in_reaches_the_driver() {
        for (name, mechanism) in [
            ("SCRAM-SHA-256", AuthMechanism::ScramSha256),
            ("SCRAM-SHA-1", AuthMechanism::ScramSha1),
            ("PLAIN", AuthMechanism::Plain),
        ] {
            let options = [("user", "ann"), ("password", "one"), ("auth_source", "crm"), ("auth_mechanism", name)];
            let credential = told("mongodb://a:1/", &options).await.credential.unwrap();
            assert_eq!(credential.mechanism, Some(mechanism), "{name}");
            let found = (credential.username.as_deref(), credential.password.as_deref(), credential.source.as_deref());
            assert_eq!(found, (Some("ann"), Some("one"), Some("crm")), "{name}");
        }
        // The certificate is the user; the database of its users is no database.
        let options =
            [("auth_mechanism", "MONGODB-X509"), ("ssl_certificate", "/client.pem"), ("ssl_root_certificate", "/ca")];
        let options = told("mongodb://a:1/", &options).await;
        let credential = options.credential.unwrap();
        assert_eq!((credential.mechanism, credential.password), (Some(AuthMechanism::MongoDbX509), None));
        let Some(Tls::Enabled(tls)) = options.tls else { panic!("no TLS") };
        assert_eq!(tls.cert_key_file_path.as_deref(), Some(std::path::Path::new("/client.pem")));
        assert_eq!(tls.allow_invalid_certificates, None);
        // Without options the URL says it all.
        let options = told("mongodb://ann:one@a:1/?authSource=crm&authMechanism=SCRAM-SHA-256", &[]).await;
        let credential = options.credential.unwrap();
        assert_eq!((credential.source.as_deref(), credential.mechanism), (Some("crm"), Some(AuthMechanism::ScramSha256)));
        assert!(told("mongodb://a:1/", &[]).await.credential.is_none());
        // TLS is on or off as the option says, whatever the URL says.
        let off = told("mongodb://a:1/?tls=true", &[("tls", "false")]).await;
        assert_eq!(off.tls, Some(Tls::Disabled));
        assert!(matches!(told("mongodb://a:1/", &[("tls", "true")]).await.tls, Some(Tls::Enabled(_))));
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]
    async fn options_overrule_the_url() {
        let options = Options::new()
            .with("url", "mongodb://ann:one@a:1/?authSource=crm&readPreference=secondary&tls=true")
            .with("password", "two")
            .with("ssl_root_certificate", "/ca")
            .with("read_preference", "nearest")
            .with("read_concern", "majority");
        let config = MongoConfig::read(&options).unwrap();
        let parsed = ClientOptions::parse(config.url.expose()).await.unwrap();
        let options = Connections::new("shop", &config).options(parsed);
        let credential = options.credential.unwrap();
        assert_eq!(credential.username.as_deref(), Some("ann"));
        assert_eq!((credential.password.as_deref(), credential.source.as_deref()), (Some("two"), Some("crm")));
        let Some(Tls::Enabled(tls)) = options.tls else { panic!("no TLS") };
        assert_eq!(tls.ca_file_path.as_deref(), Some(std::path::Path::new("/ca")));
        let nearest = SelectionCriteria::ReadPreference(ReadPreference::Nearest { options: None });
        assert_eq!(options.selection_criteria, Some(nearest));
        assert_eq!(options.read_concern, Some(ReadConcern::majority()));
    }
}
