//! How many answers the server owes for what was sent.

/// Messages after which the server says ReadyForQuery once: Query, Sync and FunctionCall.
const ANSWERED: [u8; 3] = *b"QSF";

/// The messages of a client, as far as they ask for an answer.
#[derive(Debug)]
pub(super) struct Requests {
    /// What was sent of a header that is not complete yet. The start-up message has no type; a zero stands for it.
    header: Vec<u8>,
    /// Bytes of the message that are still to be sent.
    passing: usize,
    owed: usize,
}

impl Default for Requests {
    fn default() -> Self {
        Self { header: vec![0], passing: 0, owed: 0 }
    }
}

impl Requests {
    /// These bytes were sent.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) {
        loop {
            let piece = self.passing.min(bytes.len());
            self.passing -= piece;
            bytes = bytes.get(piece..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { return };
            self.header.push(*first);
            bytes = rest;
            if let Some([tag, length @ ..]) = self.header.first_chunk::<5>() {
                self.owed += usize::from(*tag == 0 || ANSWERED.contains(tag));
                self.passing = (u32::from_be_bytes(*length) as usize).saturating_sub(4);
                self.header.clear();
            }
        }
    }

    /// So many answers have ended.
    pub(super) fn answered(&mut self, answers: usize) {
        self.owed = self.owed.saturating_sub(answers);
    }

    pub(super) fn owes_answers(&self) -> bool {
        self.owed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_however_the_messages_are_cut() {
        let message =
            |tag: &[u8], payload: &[u8]| [tag, &u32::try_from(payload.len() + 4).unwrap().to_be_bytes(), payload].concat();
        // The contents of a message are no messages.
        let sent = [
            message(b"", b"\0\x03\0\0user\0app\0\0"),
            message(b"p", b"SSSSS"),
            message(b"Q", b"BEGIN\0"),
            message(b"P", b"\0SELECT 'QS'\0\0\0"),
            message(b"S", b""),
            message(b"d", &[b'S'; 700]),
            message(b"S", b""),
        ]
        .concat();
        for size in [1, 2, 3, 5, 7, 64, sent.len()] {
            let mut requests = Requests::default();
            sent.chunks(size).for_each(|piece| requests.sent(piece));
            assert_eq!(requests.owed, 4, "pieces of {size}");
            requests.answered(3);
            assert!(requests.owes_answers());
            requests.answered(2);
            assert!(!requests.owes_answers());
        }
    }
}
