//! The file of a model: what it is, its bytes, and a sum that finds any change.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `HWMODEL` and a zero |
//! | 2 | version of the format, little-endian |
//! | 8 + n | kind of the model: length and UTF-8 |
//! | 8 + n | the model: length and bytes, whose form belongs to the kind |
//! | 32 | SHA-256 (FIPS 180-4) of all that stands before |
//!
//! The bytes are data: numbers, texts and lengths. Nothing in them is run.

use headwater_common::{Error, Result};
use sha2::{Digest, Sha256};

use crate::codec::{Codec, Reader, Writer, damaged};

const MAGIC: &[u8; 8] = b"HWMODEL\0";
const SUM_BYTES: usize = 32;
const KIND_MAX_BYTES: usize = 64;
/// The version that this crate writes, and the only one it reads.
pub const FORMAT: u16 = 1;
/// Longest file that is read or written when the caller has no other limit.
pub const ARTIFACT_MAX_BYTES: usize = 256 << 20;

/// A model's kind and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Which code reads the bytes, for example `supervised/1`; at most 64 bytes.
    pub kind: String,
    /// The model.
    pub payload: Vec<u8>,
}

impl Artifact {
    /// The file. Errors: it would be longer than `bytes_max`, or the kind longer than 64 bytes. O(bytes).
    pub fn seal(&self, bytes_max: usize) -> Result<Vec<u8>> {
        if self.kind.len() > KIND_MAX_BYTES {
            return Err(Error::internal("the kind of a model is longer than 64 bytes"));
        }
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        FORMAT.encode(&mut writer);
        self.kind.encode(&mut writer);
        self.payload.len().encode(&mut writer);
        writer.raw(&self.payload);
        let mut bytes = writer.finish();
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        too_long(bytes.len(), bytes_max)?;
        Ok(bytes)
    }

    /// The model of a file. Errors: the file is longer than `bytes_max`, of another format, or changed. O(bytes).
    pub fn open(bytes: &[u8], bytes_max: usize) -> Result<Self> {
        too_long(bytes.len(), bytes_max)?;
        let Some((body, sum)) = bytes.len().checked_sub(SUM_BYTES).map(|at| bytes.split_at(at)) else {
            return Err(damaged("it ends early"));
        };
        let mut reader = Reader::new(body, body.len());
        if reader.raw(MAGIC.len())? != MAGIC {
            return Err(Error::invalid("this is no model file"));
        }
        let format = u16::decode(&mut reader)?;
        if format != FORMAT {
            return Err(Error::unsupported(format!("the model file has format {format}; this version reads {FORMAT}")));
        }
        if Sha256::digest(body)[..] != *sum {
            return Err(damaged("its checksum differs"));
        }
        let kind = String::decode(&mut reader)?;
        let length = reader.length(1)?;
        let payload = reader.raw(length)?.to_vec();
        reader.end()?;
        Ok(Self { kind, payload })
    }
}

fn too_long(bytes: usize, bytes_max: usize) -> Result<()> {
    if bytes > bytes_max {
        return Err(Error::invalid(format!(
            "the model file has {bytes} bytes, more than the {bytes_max} that are allowed"
        )));
    }
    Ok(())
}

/// SHA-256 of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Artifact {
        Artifact { kind: "sample/1".into(), payload: (0..200).collect() }
    }

    #[test]
    fn every_changed_or_missing_byte_is_found() {
        let bytes = sample().seal(1 << 20).unwrap();
        assert_eq!(Artifact::open(&bytes, 1 << 20).unwrap(), sample());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(Artifact::open(&changed, 1 << 20).is_err(), "byte {at}");
            assert!(Artifact::open(&bytes[..at], 1 << 20).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn limits_formats_and_other_files_have_their_own_messages() {
        let mut bytes = sample().seal(1 << 20).unwrap();
        assert!(sample().seal(bytes.len() - 1).is_err());
        assert!(Artifact::open(&bytes, bytes.len() - 1).unwrap_err().message().contains("allowed"));
        bytes[8] = 9;
        assert!(Artifact::open(&bytes, 1 << 20).unwrap_err().message().contains("format 9"));
        assert!(Artifact::open(&[b'{'; 64], 1 << 20).unwrap_err().message().contains("no model file"));
        assert!(Artifact { kind: "k".repeat(65), payload: vec![] }.seal(1 << 20).is_err());
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
