//! Requests over HTTP.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use headwater_common::retry::Backoff;
use headwater_common::{Error, ErrorKind, Origin, Result};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::form_urlencoded;

use crate::config::ClickHouseConfig;
use crate::error::{broken, exception};
use crate::tls;

/// Rows on their way to the server; an error breaks the request off.
pub(crate) type Rows = UnsyncBoxBody<Bytes, Error>;

/// Longest text of an exception that is read.
const EXCEPTION_BYTES: usize = 64 << 10;
/// Largest answer of a question about the server itself.
const ROWS_BYTES: usize = 1 << 30;
/// A connection that was idle longer than this may be closed by the server at any moment.
const IDLE: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What is asked of the server.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) sql: &'a str,
    pub(crate) settings: &'a [(String, String)],
    /// Values of `{p1:Type}`, `{p2:Type}`, ...
    pub(crate) parameters: &'a [Option<String>],
    pub(crate) id: Option<&'a str>,
}

/// The start of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Incoming,
    pub(crate) headers: HeaderMap,
}

/// Requests of one source.
#[derive(Clone)]
pub(crate) struct Connections {
    source: String,
    client: Client<HttpsConnector<HttpConnector>, Rows>,
    address: String,
    authorization: Option<HeaderValue>,
    database: Option<String>,
    places: Arc<Semaphore>,
    wait: Duration,
    response: Duration,
    size: usize,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("source", &self.source).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Connections {
    /// Connects when it is first used.
    pub(crate) fn new(source: &str, config: &ClickHouseConfig) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.connect_timeout));
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(Duration::from_secs(5)));
        tcp.set_keepalive_retries(Some(3));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(config)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(config.pool_size)
            .build(connector);
        Ok(Self {
            source: source.to_owned(),
            client,
            address: config.location(),
            authorization: authorization(config)?,
            database: config.database.clone(),
            places: Arc::new(Semaphore::new(config.pool_size)),
            wait: config.pool_wait,
            response: config.response_timeout,
            size: config.pool_size,
        })
    }

    /// Most requests at the same time.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A place among the requests that run at the same time; waits for one.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit> {
        let place = tokio::time::timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await;
        place.map_err(|_| self.busy())?.map_err(|_| Error::unavailable(&self.source, "the source was dropped"))
    }

    /// A place if one is free.
    pub(crate) fn free_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Asks for a result. It is asked again when the server cannot be reached or is too busy: nothing was read yet.
    pub(crate) async fn read(&self, query: &Query<'_>) -> Result<Answer> {
        let ask = || {
            let body = Full::new(Bytes::copy_from_slice(query.sql.as_bytes())).map_err(|never| match never {});
            self.send(query, None, body.boxed_unsync())
        };
        Backoff::default().ask(&self.source, rand::random, ask).await
    }

    /// The rows of a statement that ends with `FORMAT JSONCompactEachRow`; for questions about the server itself.
    pub(crate) async fn rows(&self, sql: &str, settings: &[(String, String)]) -> Result<Vec<Vec<Value>>> {
        let _place = self.place().await?;
        let mut answer = self.read(&Query { sql, settings, ..Query::default() }).await?;
        let mut bytes = Vec::new();
        while let Some(frame) = self.frame(&mut answer.body).await? {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(e) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let told = text.rfind("DB::Exception").and_then(|_| text.rfind("Code: ")).and_then(|at| text.get(at..));
                    return Err(told.map_or_else(|| broken(&self.source, &e), |t| exception(&self.source, None, t)));
                }
            }
            if bytes.len() > ROWS_BYTES {
                return Err(Error::source_failed(&self.source, "the server's system tables are larger than can be read"));
            }
        }
        let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let row = |line: &[u8]| serde_json::from_slice::<Vec<Value>>(line);
        let rows: Result<Vec<Vec<Value>>, _> = lines.map(row).collect();
        rows.map_err(|_| Error::source_failed(&self.source, "the server's system tables cannot be read as JSON"))
    }

    /// Runs a statement without rows.
    pub(crate) async fn run(&self, sql: &str, settings: &[(String, String)]) -> Result<()> {
        let _place = self.place().await?;
        let body = Full::new(Bytes::copy_from_slice(sql.as_bytes())).map_err(|never| match never {});
        let query = Query { sql, settings, ..Query::default() };
        let mut answer = self.send(&query, None, body.boxed_unsync()).await?;
        while let Some(frame) = self.frame(&mut answer.body).await? {
            frame.map_err(|e| broken(&self.source, &e))?;
        }
        Ok(())
    }

    /// Sends rows; never twice.
    pub(crate) async fn write(&self, query: &Query<'_>, rows: Rows) -> Result<Answer> {
        self.send(query, Some(query.sql), rows).await
    }

    async fn send(&self, query: &Query<'_>, in_address: Option<&str>, body: Rows) -> Result<Answer> {
        let uri = self.uri(query, in_address)?;
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        // Rows may take any time on their way to the server.
        let response = match in_address {
            Some(_) => self.client.request(request).await,
            None => self.in_time(self.client.request(request)).await?,
        };
        let response = response.map_err(|e| self.failed(&e))?;
        let (parts, body) = response.into_parts();
        let code = parts.headers.get("x-clickhouse-exception-code").and_then(|v| v.to_str().ok()?.parse().ok());
        if !parts.status.is_success() || code.is_some() {
            let text = self.in_time(text_of(body)).await?;
            let text =
                if text.is_empty() { format!("the server answered with HTTP status {}", parts.status) } else { text };
            return Err(exception(&self.source, code, &text));
        }
        Ok(Answer { body, headers: parts.headers })
    }

    /// The next piece of an answer. Errors: it does not come in time.
    pub(crate) async fn frame(&self, body: &mut Incoming) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.in_time(body.frame()).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        tokio::time::timeout(self.response, answer).await.map_err(|_| {
            let ms = self.response.as_millis();
            let message = format!("the server sent nothing for {ms} ms; raise option \"response_timeout_ms\"");
            Error::new(ErrorKind::Timeout, Origin::Source(self.source.clone()), message)
        })
    }

    fn uri(&self, query: &Query<'_>, in_address: Option<&str>) -> Result<Uri> {
        let base = format!("{}/?", self.address);
        let start = base.len();
        let mut pairs = form_urlencoded::Serializer::for_suffix(base, start);
        if let Some(database) = &self.database {
            pairs.append_pair("database", database);
        }
        if let Some(id) = query.id {
            pairs.append_pair("query_id", id);
        }
        for (name, value) in query.settings {
            pairs.append_pair(name, value);
        }
        for (i, value) in query.parameters.iter().enumerate() {
            pairs.append_pair(&format!("param_p{}", i + 1), &escaped(value.as_deref()));
        }
        if let Some(sql) = in_address {
            pairs.append_pair("query", sql);
        }
        pairs.finish().parse().map_err(|_| Error::configuration("options \"host\" and \"port\" do not make a URL"))
    }

    fn busy(&self) -> Error {
        let (size, wait) = (self.size, self.wait.as_millis());
        let message = format!("all {size} requests were in use for {wait} ms; raise option pool_size");
        Error::unavailable(&self.source, message).retryable(false)
    }

    /// An error of our own inside the request is what is shown.
    fn failed(&self, error: &hyper_util::client::legacy::Error) -> Error {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
        while let Some(e) = cause {
            if let Some(ours) = e.downcast_ref::<Error>() {
                return Error::new(ours.kind(), ours.origin().clone(), ours.message()).retryable(ours.is_retryable());
            }
            cause = e.source();
        }
        broken(&self.source, error)
    }

    /// Refuses new requests.
    pub(crate) fn close(&self) {
        self.places.close();
    }
}

fn authorization(config: &ClickHouseConfig) -> Result<Option<HeaderValue>> {
    let text = match (&config.access_token, &config.password) {
        (Some(token), _) => format!("Bearer {}", token.expose()),
        (None, password) => {
            let password = password.as_ref().map_or("", |p| p.expose());
            let pair = format!("{}:{password}", config.user);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::configuration("option \"access_token\" holds a character that no token has"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// A parameter's value in the server's "escaped" form.
fn escaped(value: Option<&str>) -> String {
    let Some(value) = value else { return "\\N".to_owned() };
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            other => out.push(other),
        }
    }
    out
}

async fn text_of(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > EXCEPTION_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_common::config::Options;

    #[test]
    fn an_address_holds_everything_but_the_credentials() {
        let options = Options::new().with("user", "ann").with("password", "hunter2").with("database", "a&b");
        let config = ClickHouseConfig::read(&options).unwrap();
        let connections = Connections::new("ch", &config).unwrap();
        let settings = [("max_threads".to_owned(), "4".to_owned())];
        let parameters = [Some("a\tb\\&".to_owned())];
        let query = Query { sql: "SELECT 1", settings: &settings, parameters: &parameters, id: Some("q") };
        let uri = connections.uri(&query, None).unwrap().to_string();
        let want = "http://localhost:8123/?database=a%26b&query_id=q&max_threads=4&param_p1=a%5Ctb%5C%5C%26";
        assert_eq!(uri, want);
        assert!(!format!("{connections:?}").contains("hunter2"));
    }
}
