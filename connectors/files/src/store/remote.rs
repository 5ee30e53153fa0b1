//! Object stores from a URL and options. Credentials come from the options alone, unless the environment was asked for.

use std::sync::Arc;
use std::time::Duration;

use headwater_common::config::Options;
use headwater_common::{Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use super::egress::Connector;
use crate::options::OPTIONS;

/// Options that only some stores have, with the scheme they belong to.
const OF_S3: &[&str] = &["region", "access_key_id", "secret_access_key", "session_token", "virtual_hosted_style"];
const OF_GCS: &[&str] = &["service_account_key"];
const OF_AZURE: &[&str] = &["account_name", "account_key", "sas_token", "bearer_token"];

/// What every builder needs.
struct Settings<'a> {
    options: &'a Options,
    connector: Connector,
    retry: RetryConfig,
    environment: bool,
    anonymous: bool,
}

impl Settings<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).filter(|v| !v.is_empty())
    }

    fn unsigned(&self, credentials: &[&str]) -> bool {
        self.anonymous || (!self.environment && credentials.iter().all(|c| self.get(c).is_none()))
    }
}

/// The store at a URL whose paths begin at the URL's own path. `allowed` lists the hosts of a source made by a statement.
pub(crate) fn store(url: &Url, options: &Options, allowed: Option<Arc<Vec<String>>>) -> Result<Arc<dyn ObjectStore>> {
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::configuration("option \"root\": the URL may hold no credentials, query or fragment"));
    }
    let environment = match options.text("credentials", OPTIONS) {
        Some("environment") if allowed.is_some() => {
            return Err(Error::denied("credentials = environment is only for sources of the configuration file"));
        }
        Some("environment") => true,
        Some("options") | None => false,
        Some(_) => return Err(Error::configuration("option \"credentials\" must be options or environment")),
    };
    let timeout = Duration::from_millis(options.number("request_timeout_ms", OPTIONS)?.max(1));
    let allow_http = options.flag("allow_http", OPTIONS)? || url.scheme() == "http";
    let settings = Settings {
        options,
        connector: Connector { allowed, allow_http, read_timeout: timeout },
        retry: RetryConfig { max_retries: 2, retry_timeout: timeout, ..RetryConfig::default() },
        environment,
        anonymous: options.flag("anonymous", OPTIONS)?,
    };
    let (own, built): (&[&str], _) = match url.scheme() {
        "s3" | "s3a" => (OF_S3, s3(url, &settings, allow_http)?),
        "gs" => (OF_GCS, gcs(url, &settings)?),
        "az" | "azure" | "abfs" | "abfss" => (OF_AZURE, azure(url, &settings, allow_http)?),
        "http" | "https" => return http(url, &settings),
        other => {
            let message = format!("option \"root\": unknown scheme {other}://; use file, s3, gs, az, abfss, http or https");
            return Err(Error::configuration(message));
        }
    };
    for foreign in OF_S3.iter().chain(OF_GCS).chain(OF_AZURE) {
        if options.get(foreign).is_some() && !own.contains(foreign) {
            return Err(Error::configuration(format!("option \"{foreign}\" does not belong to {}://", url.scheme())));
        }
    }
    let prefix =
        Path::from_url_path(url.path()).map_err(|_| Error::configuration("option \"root\": the path is not valid"))?;
    Ok(if prefix.as_ref().is_empty() { built } else { Arc::new(PrefixStore::new(built, prefix)) })
}

fn word(what: &str, text: &str) -> Result<String> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if text.is_empty() || !plain || text.contains("..") {
        return Err(Error::configuration(format!("{what} may hold letters, digits, -, _ and . only")));
    }
    Ok(text.to_owned())
}

fn bucket(url: &Url) -> Result<String> {
    word("the bucket of option \"root\"", url.host_str().unwrap_or_default())
}

fn built<T: ObjectStore>(result: object_store::Result<T>) -> Result<Arc<dyn ObjectStore>> {
    // The text of a builder's error can hold option values.
    let made =
        result.map_err(|e| Error::configuration("the options of the object store do not fit together").with_cause(e))?;
    Ok(Arc::new(made))
}

fn s3(url: &Url, s: &Settings<'_>, allow_http: bool) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = if s.environment { AmazonS3Builder::from_env() } else { AmazonS3Builder::new() };
    builder = builder
        .with_bucket_name(bucket(url)?)
        .with_allow_http(allow_http)
        .with_virtual_hosted_style_request(s.options.flag("virtual_hosted_style", OPTIONS)?)
        .with_skip_signature(s.unsigned(&["access_key_id"]))
        .with_retry(s.retry.clone())
        .with_http_connector(s.connector.clone());
    if let Some(region) = s.get("region") {
        builder = builder.with_region(word("option \"region\"", region)?);
    }
    if let Some(endpoint) = s.get("endpoint") {
        builder = builder.with_endpoint(endpoint);
    }
    match (s.get("access_key_id"), s.get("secret_access_key")) {
        (Some(id), Some(secret)) => builder = builder.with_access_key_id(id).with_secret_access_key(secret),
        (None, None) => {}
        _ => return Err(Error::configuration("options \"access_key_id\" and \"secret_access_key\" go together")),
    }
    if let Some(token) = s.get("session_token") {
        builder = builder.with_token(token);
    }
    built(builder.build())
}

fn gcs(url: &Url, s: &Settings<'_>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = if s.environment { GoogleCloudStorageBuilder::from_env() } else { GoogleCloudStorageBuilder::new() };
    builder = builder
        .with_bucket_name(bucket(url)?)
        .with_skip_signature(s.unsigned(&["service_account_key"]))
        .with_retry(s.retry.clone())
        .with_http_connector(s.connector.clone());
    if let Some(endpoint) = s.get("endpoint") {
        builder = builder.with_base_url(endpoint);
    }
    if let Some(key) = s.get("service_account_key") {
        builder = builder.with_service_account_key(key);
    }
    built(builder.build())
}

fn azure(url: &Url, s: &Settings<'_>, allow_http: bool) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = if s.environment { MicrosoftAzureBuilder::from_env() } else { MicrosoftAzureBuilder::new() };
    // abfss://container@account.dfs.core.windows.net/path or az://container/path; the URL parser takes the container for a
    // user name, so it was moved to the query by `Location`.
    builder = builder
        .with_container_name(bucket(url)?)
        .with_allow_http(allow_http)
        .with_skip_signature(s.unsigned(&["account_key", "sas_token", "bearer_token"]))
        .with_retry(s.retry.clone())
        .with_http_connector(s.connector.clone());
    if let Some(account) = s.get("account_name") {
        builder = builder.with_account(word("option \"account_name\"", account)?);
    }
    if let Some(endpoint) = s.get("endpoint") {
        builder = builder.with_endpoint(endpoint.to_owned());
    }
    if let Some(key) = s.get("account_key") {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = s.get("sas_token") {
        let pairs = url::form_urlencoded::parse(token.trim_start_matches('?').as_bytes());
        builder = builder.with_sas_authorization(pairs.into_owned().collect::<Vec<_>>());
    }
    if let Some(token) = s.get("bearer_token") {
        builder = builder.with_bearer_token_authorization(token);
    }
    built(builder.build())
}

fn http(url: &Url, s: &Settings<'_>) -> Result<Arc<dyn ObjectStore>> {
    let builder =
        HttpBuilder::new().with_url(url.as_str()).with_retry(s.retry.clone()).with_http_connector(s.connector.clone());
    built(builder.build())
}
