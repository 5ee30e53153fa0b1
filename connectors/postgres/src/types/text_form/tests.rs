//! Text forms and back.

use super::*;

type Turn = fn(&[u8], &mut Vec<u8>) -> Result<(), Fault>;
type Back = fn(&str, &mut Vec<u8>) -> Result<(), Fault>;

/// Writes `text` in binary, reads it back; returns both.
fn turn(text: &str, write: Back, read: Turn) -> (Vec<u8>, String) {
    let (mut sent, mut out) = (Vec::new(), Vec::new());
    write(text, &mut sent).unwrap();
    read(&sent, &mut out).unwrap();
    for end in 0..sent.len() {
        assert!(read(&sent[..end], &mut Vec::new()).is_err(), "{text} cut at {end}");
    }
    let longer = [&sent[..], &[0]].concat();
    assert!(read(&longer, &mut Vec::new()).is_err(), "{text} with a byte more");
    (sent, String::from_utf8(out).unwrap())
}

#[test]
fn texts_return_unchanged() {
    let inet: (Back, Turn) = (|t, o| parse_inet(t, false, o), |v, o| super::inet(v, false, o));
    let cidr: (Back, Turn) = (|t, o| parse_inet(t, true, o), |v, o| super::inet(v, true, o));
    let cases: [(&str, (Back, Turn)); 24] = [
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", (parse_uuid, uuid)),
        ("08:00:2b:01:02:03", (|t, o| parse_mac(t, 6, o), mac::<6>)),
        ("08:00:2b:01:02:03:04:ff", (|t, o| parse_mac(t, 8, o), mac::<8>)),
        ("10.1.2.3", inet),
        ("10.1.2.3/8", inet),
        ("::", inet),
        ("::1", inet),
        ("2001:db8::1", inet),
        ("2001:db8:0:1:1:1:1:1", inet),
        ("1:0:0:2::3", inet),
        ("1::2:0:0:3:4", inet),
        ("::ffff:1.2.3.4/96", inet),
        ("::1.2.3.4", inet),
        ("1::", inet),
        ("10.0.0.0/8", cidr),
        ("10.1.2.3/32", cidr),
        ("2001:db8::/32", cidr),
        ("", (parse_bits, bits)),
        ("10110011101", (parse_bits, bits)),
        ("00:00:00+00", (parse_timetz, timetz)),
        ("24:00:00-15:59:59", (parse_timetz, timetz)),
        ("12:30:15.25+05:30", (parse_timetz, timetz)),
        ("a", (parse_internal_char, internal_char)),
        ("", (parse_internal_char, internal_char)),
    ];
    for (text, (write, read)) in cases {
        assert_eq!(turn(text, write, read).1, text);
    }
    assert_eq!(turn("\\377", parse_internal_char, internal_char), (vec![255], "\\377".to_owned()));
    assert_eq!(turn("{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", parse_uuid, uuid).1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
}

#[test]
fn wrong_texts_are_refused() {
    let cases: [(&str, Back); 14] = [
        ("a0eebc99", parse_uuid),
        ("g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", parse_uuid),
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1100", parse_uuid),
        ("08:00:2b:01:02", |t, o| parse_mac(t, 6, o)),
        ("10/8", |t, o| parse_inet(t, true, o)),
        ("10.0.0.0/33", |t, o| parse_inet(t, false, o)),
        ("::/129", |t, o| parse_inet(t, false, o)),
        ("0102", parse_bits),
        ("25:00:00+00", parse_timetz),
        ("24:00:01+00", parse_timetz),
        ("12:00:00", parse_timetz),
        ("12:00:00+16", parse_timetz),
        ("ab", parse_internal_char),
        ("é", parse_internal_char),
    ];
    for (text, write) in cases {
        assert!(write(text, &mut Vec::new()).is_err(), "{text}");
    }
}

#[test]
fn malformed_frames_are_refused() {
    let refused = |read: Turn, value: &[u8]| assert!(read(value, &mut Vec::new()).is_err(), "{value:?}");
    refused(|v, o| super::inet(v, false, o), &[2, 33, 0, 4, 1, 2, 3, 4]);
    refused(|v, o| super::inet(v, false, o), &[9, 32, 0, 4, 1, 2, 3, 4]);
    refused(|v, o| super::inet(v, false, o), &[2, 32, 0, 16, 1, 2, 3, 4]);
    refused(bits, &[0xff, 0xff, 0xff, 0xff]);
    refused(bits, &[0x7f, 0xff, 0xff, 0xff, 0]);
    refused(timetz, &[0x7f; 12]);
}
