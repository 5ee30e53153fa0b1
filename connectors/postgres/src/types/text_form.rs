//! Types read as the text Postgres prints for them, and back: uuid, inet, cidr, macaddr, bit, timetz, "char".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::Fault;
use super::reader::{Reader, exact};

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Address families in inet's binary form (PGSQL_AF_INET, PGSQL_AF_INET6).
const INET4: u8 = 2;
const INET6: u8 = 3;

fn put_hex(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// 16 bytes as 8-4-4-4-12 hexadecimal digits.
pub(super) fn uuid(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    for (i, byte) in exact::<16>(value)?.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        put_hex(out, byte);
    }
    Ok(())
}

/// The 16 bytes of 32 hexadecimal digits, hyphens and braces ignored.
pub(super) fn parse_uuid(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Write("a text is not a uuid");
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    put_hex_digits(inner.bytes().filter(|b| *b != b'-'), 16, out).ok_or(WRONG)
}

fn put_hex_digits(mut digits: impl Iterator<Item = u8>, bytes: usize, out: &mut Vec<u8>) -> Option<()> {
    for _ in 0..bytes {
        out.push(hex(digits.next()?)? << 4 | hex(digits.next()?)?);
    }
    digits.next().is_none().then_some(())
}

/// 6 or 8 bytes as `xx:xx:...`.
pub(super) fn mac<const N: usize>(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    for (i, byte) in exact::<N>(value)?.into_iter().enumerate() {
        if i > 0 {
            out.push(b':');
        }
        put_hex(out, byte);
    }
    Ok(())
}

/// 2 * `bytes` hexadecimal digits, separated by `:`, `-` or `.` or not at all.
pub(super) fn parse_mac(text: &str, bytes: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let digits = text.bytes().filter(|b| !matches!(b, b':' | b'-' | b'.'));
    put_hex_digits(digits, bytes, out).ok_or(Fault::Write("a text is not a MAC address of the column's length"))
}

/// Family, bits, is_cidr, length, address (network.c, network_send). The mask is left out for a host of type inet.
pub(super) fn inet(value: &[u8], cidr: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut reader = Reader::new(value);
    let (family, bits, _, length) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
    let address = reader.rest();
    let bits_max = match (family, length) {
        (INET4, 4) => {
            out.extend_from_slice(Ipv4Addr::from(exact::<4>(address)?).to_string().as_bytes());
            32
        }
        (INET6, 16) => {
            out.extend_from_slice(ipv6(&exact::<16>(address)?).as_bytes());
            128
        }
        _ => return Err(Fault::Frame("family of a network address")),
    };
    if bits > bits_max {
        return Err(Fault::Frame("mask of a network address"));
    }
    if cidr || bits < bits_max {
        out.push(b'/');
        out.extend_from_slice(bits.to_string().as_bytes());
    }
    Ok(())
}

/// As pg_inet_net_ntop: the first longest run of at least two zero words becomes `::`; an address whose run is the first six
/// words, or seven and the last is not 1, or five followed by ffff, ends in dotted form.
fn ipv6(bytes: &[u8; 16]) -> String {
    let word = |i: usize| u16::from_be_bytes([bytes[2 * i], bytes[2 * i + 1]]);
    let (mut best, mut best_length, mut start) = (8, 1, None);
    for i in 0..=8 {
        if i < 8 && word(i) == 0 {
            let first = *start.get_or_insert(i);
            if i - first + 1 > best_length {
                (best, best_length) = (first, i - first + 1);
            }
        } else {
            start = None;
        }
    }
    let dotted =
        best == 0 && (best_length == 6 || (best_length == 7 && word(7) != 1) || (best_length == 5 && word(5) == 0xffff));
    let mut text = String::with_capacity(40);
    let mut i = 0;
    while i < 8 {
        if best < 8 && (best..best + best_length).contains(&i) {
            if i == best {
                text.push(':');
            }
            i += 1;
            continue;
        }
        if i != 0 {
            text.push(':');
        }
        if i == 6 && dotted {
            text.push_str(&Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]).to_string());
            return text;
        }
        text.push_str(&format!("{:x}", word(i)));
        i += 1;
    }
    if best < 8 && best + best_length == 8 {
        text.push(':');
    }
    text
}

/// An address with an optional mask length; abbreviated networks such as `10/8` are refused.
pub(super) fn parse_inet(text: &str, cidr: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Write("a text is not a network address written in full");
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| WRONG)?)),
        None => (text.trim(), None),
    };
    let (family, bytes): (u8, Vec<u8>) = match address.parse::<IpAddr>().map_err(|_| WRONG)? {
        IpAddr::V4(ip) => (INET4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (INET6, Ipv6Addr::octets(&ip).to_vec()),
    };
    let bits_max = bytes.len() as u8 * 8;
    let bits = bits.unwrap_or(bits_max);
    if bits > bits_max {
        return Err(WRONG);
    }
    out.extend_from_slice(&[family, bits, u8::from(cidr), bytes.len() as u8]);
    out.extend_from_slice(&bytes);
    Ok(())
}

/// Bit count, then the bits from the left.
pub(super) fn bits(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut reader = Reader::new(value);
    let count = reader.count("length of a bit string")?;
    let bytes = reader.take(count.div_ceil(8))?;
    reader.end()?;
    out.extend((0..count).map(|i| b'0' + (bytes[i / 8] >> (7 - i % 8) & 1)));
    Ok(())
}

/// A text of 0 and 1.
pub(super) fn parse_bits(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !text.bytes().all(|b| matches!(b, b'0' | b'1')) {
        return Err(Fault::Write("a text is not a string of 0 and 1"));
    }
    let count = i32::try_from(text.len()).map_err(|_| Fault::TooLarge)?;
    out.extend_from_slice(&count.to_be_bytes());
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0u8, |sum, (i, b)| sum | (b & 1) << (7 - i));
    out.extend(text.as_bytes().chunks(8).map(byte));
    Ok(())
}

/// Microseconds since midnight and seconds west of UTC, as `hh:mm:ss[.ffffff]+hh[:mm[:ss]]`.
pub(super) fn timetz(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut reader = Reader::new(value);
    let (micros, west) = (reader.i64()?, reader.i32()?);
    reader.end()?;
    // MAX_TZDISP_HOUR is 15; the time includes 24:00:00.
    if !(0..=86_400_000_000).contains(&micros) || west.unsigned_abs() >= 16 * 3600 {
        return Err(Fault::Frame("time with time zone"));
    }
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    let east = west.unsigned_abs();
    text.push(if west <= 0 { '+' } else { '-' });
    text.push_str(&format!("{:02}", east / 3600));
    if east % 3600 != 0 {
        text.push_str(&format!(":{:02}", east / 60 % 60));
    }
    if east % 60 != 0 {
        text.push_str(&format!(":{:02}", east % 60));
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// The form that [`timetz`] writes.
pub(super) fn parse_timetz(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Write("a text is not a time with an offset such as 12:30:00+02");
    let at = text.rfind(['+', '-']).ok_or(WRONG)?;
    let micros = parse_clock(&text[..at]).ok_or(WRONG)?;
    let east = parse_offset(&text[at..]).ok_or(WRONG)?;
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&(-east).to_be_bytes());
    Ok(())
}

/// `hh:mm[:ss[.ffffff]]` in microseconds, up to 24:00:00.
pub(super) fn parse_clock(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(number);
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || hours > 24 || minutes > 59 || seconds > 59 || fraction.len() > 6 {
        return None;
    }
    let micros = if fraction.is_empty() { 0 } else { number(fraction)? * 10i64.pow(6 - fraction.len() as u32) };
    let total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
    (total <= 86_400_000_000).then_some(total)
}

/// `+hh[:mm[:ss]]` in seconds east of UTC.
pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let mut parts = rest.split(':').map(number);
    let hours = parts.next()??;
    let minutes = parts.next().unwrap_or(Some(0))?;
    let seconds = parts.next().unwrap_or(Some(0))?;
    let fits = parts.next().is_none() && hours < 16 && minutes < 60 && seconds < 60;
    fits.then_some(sign * i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?)
}

/// One to nine digits.
pub(super) fn number(text: &str) -> Option<i64> {
    let fits = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// One byte: 0 is the empty text, over 127 is `\ooo` (charout).
pub(super) fn internal_char(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match exact::<1>(value)?[0] {
        0 => {}
        byte @ 1..=127 => out.push(byte),
        byte => out.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]),
    }
    Ok(())
}

/// The form that [`internal_char`] writes.
pub(super) fn parse_internal_char(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let byte = match text.as_bytes() {
        [] => 0,
        [byte] => *byte,
        [b'\\', a @ b'2'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'),
        _ => return Err(Fault::Write("a text is longer than the one byte of \"char\"")),
    };
    out.push(byte);
    Ok(())
}

#[cfg(test)]
mod tests;
