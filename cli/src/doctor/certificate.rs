//! Until when a certificate is valid.

use chrono::{DateTime, NaiveDateTime, Utc};
use headwater_common::clock;
use headwater_source::Finding;
use rustls::pki_types::CertificateDer;

/// A certificate that ends sooner is worth a warning.
const SOON_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// How long the first of the certificates to end is valid; `what` names them.
pub(super) fn validity(what: &str, certificates: &[CertificateDer<'_>]) -> Finding {
    let now = clock::unix_micros() / 1_000_000;
    let ends = certificates.iter().map(|c| not_after(c)).collect::<Option<Vec<_>>>();
    match ends.and_then(|ends| ends.into_iter().min()) {
        Some(end) => judged(what, end, now),
        None => Finding::note(format!("{what}: its date cannot be read"), "check it with `openssl x509 -enddate`"),
    }
}

fn judged(what: &str, end: i64, now: i64) -> Finding {
    let date = DateTime::<Utc>::from_timestamp(end, 0).map_or_else(String::new, |d| d.format("%Y-%m-%d").to_string());
    let days = (end - now).div_euclid(DAY_SECONDS);
    let renew = "renew it; a running server reads it when it starts";
    if end < now {
        return Finding::problem(format!("{what} expired on {date}"), renew);
    }
    if days < SOON_DAYS {
        return Finding::warning(format!("{what} expires on {date}, in {days} days"), renew);
    }
    Finding::ok(format!("{what} is valid until {date}"))
}

/// The end of a certificate's validity, in seconds since 1970.
fn not_after(certificate: &[u8]) -> Option<i64> {
    let (outer, _) = element(certificate)?;
    let mut rest = element(outer.content)?.0.content;
    let mut fields = Vec::new();
    while let Some((field, after)) = element(rest) {
        fields.push(field);
        rest = after;
    }
    // version (optional, tagged), serial number, signature, issuer, validity
    let first = usize::from(fields.first()?.tag == 0xa0);
    let validity = fields.get(first + 3)?;
    let (_, rest) = element(validity.content)?;
    let (end, _) = element(rest)?;
    let text = std::str::from_utf8(end.content).ok()?;
    let format = if end.tag == 0x17 { "%y%m%d%H%M%SZ" } else { "%Y%m%d%H%M%SZ" };
    NaiveDateTime::parse_from_str(text, format).ok().map(|t| t.and_utc().timestamp())
}

/// One element of DER: a tag and what it holds.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

/// The first element and what follows it.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..0x80 => (usize::from(short), rest),
        _ => {
            let count = usize::from(short & 0x7f);
            let (length, rest) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
            (length.iter().fold(0usize, |all, b| (all << 8) | usize::from(*b)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_source::Level;

    #[test]
    fn what_ends_soon_is_a_warning_and_what_has_ended_a_problem() {
        let (day, now) = (DAY_SECONDS, 1_700_000_000);
        assert_eq!(judged("it", now + 40 * day, now).level, Level::Ok);
        let soon = judged("it", now + 5 * day, now);
        assert!(soon.level == Level::Warning && soon.text.contains("in 5 days"), "{soon:?}");
        let over = judged("it", now - day, now);
        assert!(over.level == Level::Problem && over.text.contains("expired on 2023-11-13"), "{over:?}");
    }

    #[test]
    fn what_is_no_certificate_has_no_date() {
        for bytes in [&b""[..], b"\x30", b"\x30\x82\xff\xff", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x02"] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
