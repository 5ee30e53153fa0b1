//! Postgres's point, lseg, path and polygon as well-known binary (OGC 06-103r4, 8.2), little endian when written here.

use super::fault::Fault;
use super::reader::{Reader, exact};

const POINT: u32 = 1;
const LINE_STRING: u32 = 2;
const POLYGON: u32 = 3;
const WRONG: Fault = Fault::Write("a value is not WKB of the geometry that the column holds");

/// Two numbers, as sent.
type Pair = [u8; 16];

fn put_header(out: &mut Vec<u8>, kind: u32) {
    out.push(1);
    out.extend_from_slice(&kind.to_le_bytes());
}

/// Both numbers turned from one byte order to the other.
fn swap(pair: Pair) -> Pair {
    let mut swapped = pair;
    swapped[..8].reverse();
    swapped[8..].reverse();
    swapped
}

fn pairs(bytes: &[u8]) -> Result<Vec<Pair>, Fault> {
    let (pairs, rest) = bytes.as_chunks::<16>();
    if rest.is_empty() { Ok(pairs.to_vec()) } else { Err(Fault::Truncated) }
}

fn put_ring(out: &mut Vec<u8>, points: &[Pair], close: bool) {
    let closing = points.first().filter(|_| close);
    out.extend_from_slice(&((points.len() + usize::from(closing.is_some())) as u32).to_le_bytes());
    for point in points.iter().chain(closing) {
        out.extend_from_slice(&swap(*point));
    }
}

fn counted<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let count = reader.count("number of points")?;
    let length = count.checked_mul(16).ok_or(Fault::Truncated)?;
    let bytes = reader.take(length)?;
    reader.end()?;
    Ok(bytes)
}

/// x, y.
pub(super) fn point(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    put_header(out, POINT);
    out.extend_from_slice(&swap(exact::<16>(value)?));
    Ok(())
}

/// Two points.
pub(super) fn lseg(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    put_header(out, LINE_STRING);
    put_ring(out, &pairs(&exact::<32>(value)?)?, false);
    Ok(())
}

/// Closed flag, count, points.
pub(super) fn path(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut reader = Reader::new(value);
    let closed = reader.u8()? != 0;
    put_header(out, LINE_STRING);
    put_ring(out, &pairs(counted(&mut reader)?)?, closed);
    Ok(())
}

/// Count, points.
pub(super) fn polygon(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    put_header(out, POLYGON);
    out.extend_from_slice(&1u32.to_le_bytes());
    put_ring(out, &pairs(counted(&mut Reader::new(value))?)?, true);
    Ok(())
}

/// A geometry of plain two-dimensional WKB: its kind and the points of its only part, in network order.
fn parse(wkb: &[u8]) -> Option<(u32, Vec<Pair>)> {
    let (order, mut rest) = wkb.split_first()?;
    let little = match order {
        0 => false,
        1 => true,
        _ => return None,
    };
    let number = |rest: &mut &[u8]| {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        *rest = tail;
        Some(if little { u32::from_le_bytes(*head) } else { u32::from_be_bytes(*head) })
    };
    let kind = number(&mut rest)?;
    let count = match kind {
        POINT => 1,
        LINE_STRING => number(&mut rest)?,
        POLYGON if number(&mut rest)? == 1 => number(&mut rest)?,
        _ => return None,
    };
    let points = pairs(rest).ok().filter(|p| u32::try_from(p.len()) == Ok(count))?;
    Some((kind, if little { points.into_iter().map(swap).collect() } else { points }))
}

fn put_points(out: &mut Vec<u8>, points: &[Pair]) {
    out.extend_from_slice(&(points.len() as u32).to_be_bytes());
    out.extend_from_slice(points.as_flattened());
}

/// A WKB Point.
pub(super) fn parse_point(wkb: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let (POINT, points) = parse(wkb).ok_or(WRONG)? else { return Err(WRONG) };
    out.extend_from_slice(points.as_flattened());
    Ok(())
}

/// A WKB LineString of two points.
pub(super) fn parse_lseg(wkb: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match parse(wkb) {
        Some((LINE_STRING, points)) if points.len() == 2 => {
            out.extend_from_slice(points.as_flattened());
            Ok(())
        }
        _ => Err(WRONG),
    }
}

/// A WKB LineString; one of at least two points that ends where it starts becomes a closed path.
pub(super) fn parse_path(wkb: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let (LINE_STRING, mut points) = parse(wkb).ok_or(WRONG)? else { return Err(WRONG) };
    let closed = points.len() > 1 && points.first() == points.last();
    if closed {
        points.pop();
    }
    out.push(u8::from(closed));
    put_points(out, &points);
    Ok(())
}

/// A WKB Polygon of one ring.
pub(super) fn parse_polygon(wkb: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let (POLYGON, mut points) = parse(wkb).ok_or(WRONG)? else { return Err(WRONG) };
    if points.len() < 2 || points.first() != points.last() {
        return Err(Fault::Write("the ring of a WKB Polygon does not end where it starts"));
    }
    points.pop();
    put_points(out, &points);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_be_bytes()).collect()
    }

    #[test]
    fn geometries_return_from_wkb_unchanged() {
        type Turn = fn(&[u8], &mut Vec<u8>) -> Result<(), Fault>;
        let counted = |flag: &[u8], count: i32, values: &[f64]| [flag, &count.to_be_bytes(), &numbers(values)].concat();
        let cases: [(Vec<u8>, Turn, Turn); 5] = [
            (numbers(&[1.5, f64::INFINITY]), point, parse_point),
            (numbers(&[0.0, 1.0, -2.0, 1e300]), lseg, parse_lseg),
            (counted(&[1], 2, &[0.0, 0.0, 4.0, 5.0]), path, parse_path),
            (counted(&[0], 2, &[0.0, 0.0, 4.0, 5.0]), path, parse_path),
            (counted(&[], 3, &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]), polygon, parse_polygon),
        ];
        for (sent, read, write) in cases {
            let (mut wkb, mut back) = (Vec::new(), Vec::new());
            read(&sent, &mut wkb).unwrap();
            write(&wkb, &mut back).unwrap();
            assert_eq!(back, sent);
            for end in 0..sent.len() {
                assert!(read(&sent[..end], &mut Vec::new()).is_err(), "cut at {end}");
            }
            for end in 0..wkb.len() {
                assert!(write(&wkb[..end], &mut Vec::new()).is_err(), "wkb cut at {end}");
            }
        }
    }

    #[test]
    fn a_point_is_the_wkb_that_others_write() {
        let mut wkb = Vec::new();
        point(&numbers(&[1.0, 2.0]), &mut wkb).unwrap();
        let expected = [&[1, 1, 0, 0, 0][..], &1f64.to_le_bytes(), &2f64.to_le_bytes()].concat();
        assert_eq!(wkb, expected);
        let big = [&[0, 0, 0, 0, 1][..], &1f64.to_be_bytes(), &2f64.to_be_bytes()].concat();
        let mut sent = Vec::new();
        parse_point(&big, &mut sent).unwrap();
        assert_eq!(sent, numbers(&[1.0, 2.0]));
    }
}
