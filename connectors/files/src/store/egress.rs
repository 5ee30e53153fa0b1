//! Which addresses a source made by a statement may reach: public ones, and hosts that the configuration lists.
//!
//! Names are checked after they are resolved, and again at every redirect, so a name that resolves to a private address does
//! not help, and neither does an address in another notation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const REDIRECTS_MAX: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes HTTP clients that keep the rule.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    /// Hosts allowed besides public addresses; `None` when everything is allowed.
    pub(crate) allowed: Option<Arc<Vec<String>>>,
    pub(crate) allow_http: bool,
    pub(crate) read_timeout: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let guard = Guard { allowed: self.allowed.clone() };
        let at_redirect = guard.clone();
        let redirects = reqwest::redirect::Policy::custom(move |attempt| {
            let refused = at_redirect.check_url(attempt.url());
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error("too many redirects");
            }
            match refused {
                Some(message) => attempt.error(message),
                None => attempt.follow(),
            }
        });
        let mut builder = reqwest::Client::builder()
            .https_only(!self.allow_http)
            .redirect(redirects)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(self.read_timeout)
            .user_agent("headwater");
        if self.allowed.is_some() {
            // A proxy would resolve names itself.
            builder = builder.no_proxy().dns_resolver(Arc::new(guard.clone()));
        }
        let client = builder.build();
        let client = client.map_err(|e| object_store::Error::Generic { store: "http", source: Box::new(e) })?;
        Ok(HttpClient::new(Guarded { guard, inner: HttpClient::new(client) }))
    }
}

/// Checks the host of every request before it is sent.
#[derive(Debug)]
struct Guarded {
    guard: Guard,
    inner: HttpClient,
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = request.uri().to_string().parse::<url::Url>();
        let refused = match &url {
            Ok(url) => self.guard.check_url(url),
            Err(_) => Some("the address of the request is not valid".to_owned()),
        };
        match refused {
            Some(message) => Err(HttpError::new(HttpErrorKind::Unknown, std::io::Error::other(message))),
            None => self.inner.execute(request).await,
        }
    }
}

#[derive(Debug, Clone)]
struct Guard {
    allowed: Option<Arc<Vec<String>>>,
}

impl Guard {
    fn lists(&self, host: &str, port: Option<u16>) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        let host = host.to_ascii_lowercase();
        let with_port = port.map(|p| format!("{host}:{p}"));
        allowed.iter().any(|a| *a == host || Some(a) == with_port.as_ref())
    }

    /// Why a URL may not be reached, when its host is an address; names are checked when they are resolved.
    fn check_url(&self, url: &url::Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        if self.lists(host, url.port_or_known_default()) {
            return None;
        }
        let address = match url.host() {
            Some(url::Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(url::Host::Ipv6(v6)) => IpAddr::V6(v6),
            Some(url::Host::Domain(_)) if !self.port_listed(host) => return None,
            Some(url::Host::Domain(_)) => return Some(refusal(host)),
            None => return Some(refusal("")),
        };
        (!is_public(address)).then(|| refusal(host))
    }

    /// A host that is listed with a port only must not be reached at another one.
    fn port_listed(&self, host: &str) -> bool {
        let prefix = format!("{}:", host.to_ascii_lowercase());
        self.allowed.iter().flat_map(|a| a.iter()).any(|a| a.starts_with(&prefix))
    }
}

fn refusal(host: &str) -> String {
    format!("{host} is not a public address; only hosts listed in engine.object_store_hosts may be reached there")
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let trusted = guard.lists(&host, None) || guard.port_listed(&host);
            if !trusted && found.iter().any(|a| !is_public(a.ip())) {
                return Err(refusal(&host).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(a: Ipv4Addr) -> bool {
    let [b0, b1, b2, _] = a.octets();
    let special = a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_broadcast()
        || a.is_documentation()
        || a.is_multicast()
        || b0 == 0
        || b0 >= 240
        || (b0 == 100 && (64..128).contains(&b1))
        || (b0 == 192 && b1 == 0 && b2 == 0)
        || (b0 == 198 && matches!(b1, 18 | 19));
    !special
}

fn is_public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    // Addresses that carry one of IPv4: mapped, compatible, translated (64:ff9b::/96) and 6to4.
    let carried = match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    };
    if let Some(v4) = carried {
        return is_public_v4(v4);
    }
    // Global unicast is 2000::/3; 2001::/23 and documentation are not.
    (s[0] & 0xe000) == 0x2000 && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        Guard { allowed: Some(Arc::new(hosts.iter().map(|h| (*h).to_owned()).collect())) }
    }

    #[test]
    fn addresses_inside_are_refused_in_every_notation() {
        let guard = guard(&["10.0.0.7:9000", "minio.internal:9000"]);
        let refused = |url: &str| guard.check_url(&url.parse().unwrap()).is_some();
        for url in [
            "http://127.0.0.1/x",
            "http://2130706433/x",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://10.0.0.7/x",
            "http://10.0.0.7:80/x",
            "http://192.168.1.1/",
            "http://172.16.0.1/",
            "http://0.0.0.0/",
            "http://100.64.0.1/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://minio.internal:1/",
            "http://[::127.0.0.1]/",
        ] {
            assert!(refused(url), "{url}");
        }
        for url in [
            "http://10.0.0.7:9000/x",
            "http://minio.internal:9000/",
            "https://s3.us-east-1.amazonaws.com/",
            "http://8.8.8.8/",
            "http://[2606:4700::1111]/",
        ] {
            assert!(!refused(url), "{url}");
        }
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]
    async fn names_are_checked_after_they_are_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(guard(&[]).resolve(name()).await.is_err());
        assert!(guard(&["localhost"]).resolve(name()).await.is_ok());
    }
}
