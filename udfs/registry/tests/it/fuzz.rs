//! Any bytes are a model file or an error.

use headwater_registry::version::{About, Version};
use headwater_registry::{Artifact, Codec, Manifest};
use proptest::prelude::*;

const MEMORY: usize = 1 << 16;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Artifact::open(&bytes, MEMORY);
        let _ = Version::from_bytes(&bytes, MEMORY);
        let _ = About::from_bytes(&bytes, MEMORY);
        let _ = Manifest::from_bytes(&bytes, MEMORY);
        let _ = Vec::<(String, Vec<Option<f64>>)>::from_bytes(&bytes, MEMORY);
    }

    /// Behind a right checksum stands the decoder alone.
    #[test]
    fn sealed_nonsense_gives_a_value_or_an_error(kind in "[a-z/1]{0,20}", payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let artifact = Artifact { kind, payload };
        let bytes = artifact.seal(MEMORY).unwrap();
        let opened = Artifact::open(&bytes, MEMORY).unwrap();
        let _ = Version::from_bytes(&opened.payload, MEMORY);
        prop_assert_eq!(opened, artifact);
    }

    #[test]
    fn changed_versions_give_a_value_or_an_error(at in 0_usize..400, byte in any::<u8>()) {
        let about = About {
            query: "select * from t".into(),
            metrics: vec![("rmse".into(), 1.5), ("r2".into(), 0.5)],
            score: Some(-1.5),
            ..About::default()
        };
        let mut bytes = Version { number: 3, kind: "k".into(), digest: "d".repeat(64), bytes: 9, about }.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Version::from_bytes(&bytes, MEMORY);
    }
}
