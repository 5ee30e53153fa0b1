//! Compressed CSV and JSON: gzip and zstd, in bounded steps.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use headwater_common::{Error, Limits, Result};
use zstd::stream::raw::Operation;

/// Compressed bytes handed to the decoder at once; what they become is passed on before the next ones.
const STEP: usize = 512;
/// Decoded bytes that are always allowed.
const FREE: u64 = 64 << 20;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Codec {
    None,
    Gzip,
    Zstd,
}

enum Decoder {
    None,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<Frames>),
}

/// zstd frames one after the other.
struct Frames {
    decoder: zstd::stream::raw::Decoder<'static>,
    out: Vec<u8>,
    /// Whether the last frame is not complete.
    open: bool,
}

/// Decodes a stream of bytes.
pub(crate) struct Decompressor {
    decoder: Decoder,
    taken: u64,
    given: u64,
    ratio: u64,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").field("taken", &self.taken).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Decompressor {
    /// A decoder that refuses to make more than `ratio` bytes of one.
    pub(crate) fn new(codec: Codec, ratio: u64) -> Result<Self> {
        let decoder = match codec {
            Codec::None => Decoder::None,
            Codec::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Codec::Zstd => {
                let decoder = zstd::stream::raw::Decoder::new().map_err(|e| Error::internal(format!("zstd: {e}")))?;
                Decoder::Zstd(Box::new(Frames { decoder, out: vec![0; 128 << 10], open: false }))
            }
        };
        Ok(Self { decoder, taken: 0, given: 0, ratio })
    }

    /// Decodes `bytes` and passes what they become to `sink`, piece by piece.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if matches!(self.decoder, Decoder::None) {
            return sink(bytes);
        }
        for piece in bytes.chunks(STEP) {
            self.taken += piece.len() as u64;
            let out = match &mut self.decoder {
                Decoder::None => continue,
                Decoder::Gzip(decoder) => {
                    decoder.write_all(piece).and_then(|()| decoder.flush()).map_err(|e| broken("gzip", &e))?;
                    std::mem::take(decoder.get_mut())
                }
                Decoder::Zstd(frames) => {
                    let mut out = Vec::new();
                    frames.decode(piece, &mut out)?;
                    out
                }
            };
            self.pass(&out, sink)?;
        }
        Ok(())
    }

    /// Ends the stream; one that stops early is an error.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let out = match &mut self.decoder {
            Decoder::None => return Ok(()),
            Decoder::Gzip(decoder) => {
                decoder.try_finish().map_err(|e| broken("gzip", &e))?;
                std::mem::take(decoder.get_mut())
            }
            Decoder::Zstd(frames) if frames.open => {
                return Err(Error::invalid("the zstd data is broken or cut off: the last frame is not complete"));
            }
            Decoder::Zstd(_) => return Ok(()),
        };
        self.pass(&out, sink)
    }

    fn pass(&mut self, out: &[u8], sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.given += out.len() as u64;
        if self.ratio > 0 && self.given > FREE {
            let most = self.taken.saturating_mul(self.ratio).max(FREE);
            Limits::check("bytes decompressed from a file", self.given, most, "decompression_ratio")?;
        }
        if out.is_empty() { Ok(()) } else { sink(out) }
    }
}

impl Frames {
    fn decode(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut at = 0;
        loop {
            let status = self.decoder.run_on_buffers(&piece[at..], &mut self.out).map_err(|e| broken("zstd", &e))?;
            at += status.bytes_read;
            out.extend_from_slice(&self.out[..status.bytes_written]);
            self.open = status.remaining != 0;
            // After a whole frame nothing is left to write, also when the buffer is full: asking again would begin another one.
            if at >= piece.len() && (status.bytes_written < self.out.len() || !self.open) {
                return Ok(());
            }
        }
    }
}

fn broken(codec: &str, error: &std::io::Error) -> Error {
    Error::invalid(format!("the {codec} data is broken or cut off: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(codec: Codec, bytes: &[u8], ratio: u64) -> Result<u64> {
        let mut decoder = Decompressor::new(codec, ratio)?;
        let mut total = 0;
        let mut sink = |out: &[u8]| {
            total += out.len() as u64;
            Ok(())
        };
        decoder.push(bytes, &mut sink)?;
        decoder.finish(&mut sink)?;
        Ok(total)
    }

    #[test]
    fn bombs_end_at_the_ratio_and_cut_streams_are_errors() {
        let zeros = vec![b'0'; 200 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&zeros).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(zeros.as_slice(), 3).unwrap();
        for (codec, bytes) in [(Codec::Gzip, &gzip), (Codec::Zstd, &zstd)] {
            let error = decode(codec, bytes, 200).unwrap_err();
            assert_eq!(error.kind(), headwater_common::ErrorKind::LimitExceeded, "{error}");
            assert_eq!(decode(codec, bytes, 0).unwrap(), 200 << 20);
        }
        assert!(decode(Codec::Gzip, &gzip[..gzip.len() - 9], 0).is_err());
        assert!(decode(Codec::Zstd, &zstd[..zstd.len() - 3], 0).is_err());
        assert!(decode(Codec::Gzip, b"not gzip at all", 0).is_err());
    }
}
