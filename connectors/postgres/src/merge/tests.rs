//! Whatever the sizes and splits, the messages are the same and only CopyData is merged.
#![allow(clippy::disallowed_methods, reason = "tests start a runtime")]

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::*;

/// A stream that arrives in pieces, with pauses between them.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    pause: bool,
}

impl Pieces {
    fn new(bytes: &[u8], sizes: &[usize]) -> Self {
        let (mut pieces, mut rest, mut sizes) = (VecDeque::new(), bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*sizes.next().unwrap()).clamp(1, rest.len()));
            pieces.push_back(piece.to_vec());
            rest = after;
        }
        Self { pieces, pause: false }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pause = !self.pause;
        if self.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(out.remaining()));
            out.put_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn message(tag: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), payload].concat()
}

/// All that the merged stream gives to a reader that takes `window` bytes at a time.
async fn read(bytes: &[u8], sizes: &[usize], window: usize) -> Vec<u8> {
    let mut stream = Merged::new(Pieces::new(bytes, sizes), PATIENCE);
    let (mut all, mut buffer) = (Vec::new(), vec![0; window.max(1)]);
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

fn messages(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        found.push((*tag, rest[4..length].to_vec()));
        bytes = &rest[length..];
    }
    found
}

/// Adjacent CopyData as one.
fn joined(messages: Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    let mut found: Vec<(u8, Vec<u8>)> = Vec::new();
    for (tag, payload) in messages {
        match found.last_mut() {
            Some((COPY_DATA, before)) if tag == COPY_DATA => before.extend(payload),
            _ => found.push((tag, payload)),
        }
    }
    found
}

const PATIENCE: Duration = Duration::from_secs(600);

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    tokio::io::AsyncWriteExt::write_all(to, bytes).await.unwrap();
}

#[tokio::test]
async fn only_a_server_that_owes_an_answer_is_given_up() {
    let (mut server, client) = tokio::io::duplex(1 << 10);
    let mut stream = Merged::new(client, Duration::from_millis(20));
    let long = Duration::from_millis(300);
    let mut buffer = [0; 64];
    // Nothing was asked.
    assert!(tokio::time::timeout(long, stream.read(&mut buffer)).await.is_err());
    let (query, ready) = (message(b'Q', b"SELECT 1\0"), message(READY_FOR_QUERY, b"I"));
    write(&mut stream, &[0, 0, 0, 8, 0, 3, 0, 0]).await;
    let error = stream.read(&mut buffer).await.unwrap_err();
    assert!(error.kind() == io::ErrorKind::TimedOut && error.to_string().contains("response_timeout_ms"), "{error}");
    write(&mut server, &ready).await;
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
    assert!(tokio::time::timeout(long, stream.read(&mut buffer)).await.is_err());
    // One of two answers does not do.
    write(&mut stream, &query.repeat(2)).await;
    write(&mut server, &ready).await;
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
    assert_eq!(stream.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    write(&mut server, &ready).await;
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
    // Nor may rows that are sent to it take long.
    write(&mut stream, &message(b'S', b"")).await;
    write(&mut server, &message(COPY_IN_RESPONSE, &[0, 0, 0])).await;
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 8);
    write(&mut stream, &message(COPY_DATA, b"row")).await;
    assert!(tokio::time::timeout(long, stream.read(&mut buffer)).await.is_err());
    write(&mut stream, &[message(b'c', b""), message(b'S', b"")].concat()).await;
    write(&mut server, &message(COMMAND_COMPLETE, b"COPY 1\0")).await;
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 12);
    assert_eq!(stream.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn rows_arrive_together() {
    let rows: Vec<u8> = (0..100u8).flat_map(|i| message(COPY_DATA, &[i; 200])).collect();
    let found = messages(&read(&rows, &[rows.len()], 1 << 20).await);
    assert!(found.len() <= 4, "{} messages", found.len());
    assert!(found.iter().all(|(_, payload)| payload.len() + HEADER_BYTES <= MERGED_BYTES_MAX));
    assert_eq!(joined(found), joined(messages(&rows)));
}

#[tokio::test]
async fn a_row_does_not_wait_for_the_next() {
    let (first, second) = (message(COPY_DATA, b"one"), message(COPY_DATA, b"two"));
    let (mut server, client) = tokio::io::duplex(1 << 10);
    let mut stream = Merged::new(client, PATIENCE);
    write(&mut server, &[&first[..], &second[..6]].concat()).await;
    let mut buffer = [0; 64];
    let read = stream.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..read], &first[..]);
}

#[tokio::test]
async fn what_is_no_message_and_what_breaks_off_passes_through() {
    let garbage = [&message(COPY_DATA, b"row")[..], b"d\0\0\0\x01whatever follows"].concat();
    assert_eq!(read(&garbage, &[3], 7).await, garbage);
    let whole = message(b'D', &[7; 70_000]);
    for cut in [1, 4, 5, 6, 60_000, 69_000] {
        assert_eq!(read(&whole[..cut], &[1_000], 4_096).await, &whole[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_but_the_bounds_of_copy_data_changes(
        sent in proptest::collection::vec(
            (
                prop_oneof![4 => Just(COPY_DATA), 1 => any::<u8>()],
                prop_oneof![8 => 0usize..300, 2 => 3_000usize..9_000, 1 => 60_000usize..140_000],
                any::<u8>(),
            ),
            0..60,
        ),
        sizes in proptest::collection::vec(1usize..20_000, 1..8),
        window in 1usize..20_000,
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|(tag, length, byte)| {
            let payload: Vec<u8> = (0..*length).map(|i| byte.wrapping_add(i as u8)).collect();
            message(*tag, &payload)
        }).collect();
        let read = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read(&bytes, &sizes, window));
        prop_assert_eq!(joined(messages(&read)), joined(messages(&bytes)));
    }
}
