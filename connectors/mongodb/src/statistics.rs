//! What a sample says of a column's values, as DataFusion's statistics. Every figure is an estimate.

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};

use crate::types::Kind;
use crate::types::infer::Evidence;

/// Statistics of a column of a collection with so many documents, from a sample of so many.
pub(crate) fn column(kind: &Kind, evidence: &Evidence, sampled: u64, rows: Option<u64>) -> ColumnStatistics {
    let mut found = ColumnStatistics::new_unknown();
    let (Some(rows), true) = (rows, sampled > 0) else { return found };
    let share = evidence.seen() as f64 / sampled as f64;
    let with_values = (rows as f64 * share).round();
    found.null_count = count(rows as f64 - with_values);
    found.distinct_count = distinct(evidence, with_values).map_or(Precision::Absent, count);
    if let Some((least, greatest)) = evidence.range {
        let value = |v: i64| match kind {
            Kind::Long => Some(ScalarValue::Int64(Some(v))),
            Kind::Int => i32::try_from(v).ok().map(|v| ScalarValue::Int32(Some(v))),
            Kind::Date => Some(ScalarValue::TimestampMillisecond(Some(v), Some("UTC".into()))),
            _ => None,
        };
        found.min_value = value(least).map_or(Precision::Absent, Precision::Inexact);
        found.max_value = value(greatest).map_or(Precision::Absent, Precision::Inexact);
    }
    found
}

fn count(number: f64) -> Precision<usize> {
    Precision::Inexact(number.clamp(0.0, 9e15).round() as usize)
}

/// Distinct values of all documents (Haas and Stokes, "Estimating the Number of Classes in a Finite Population", JASA 1998: the
/// estimator Duj1).
fn distinct(evidence: &Evidence, rows: f64) -> Option<f64> {
    let seen: f64 = evidence.distinct.values().map(|n| f64::from(*n)).sum();
    let found = evidence.distinct.len() as f64;
    if found == 0.0 || rows < 1.0 {
        return None;
    }
    let once = evidence.distinct.values().filter(|n| **n == 1).count() as f64;
    let share = (seen / rows).clamp(0.0, 1.0);
    let estimated = found / (1.0 - (1.0 - share) * once / seen).max(1e-9);
    Some(estimated.clamp(found, rows.max(found)))
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, doc};

    use super::*;
    use crate::types::infer::Fields;

    #[test]
    fn a_sample_tells_nulls_ranges_and_distinct_values() {
        let mut fields = Fields::default();
        for i in 0..100_i64 {
            let document = if i % 4 == 0 {
                doc! { "id": i }
            } else {
                doc! { "id": i, "group": i % 3 }
            };
            fields.see(&RawDocumentBuf::try_from(&document).unwrap(), 0).unwrap();
        }
        let of = |name: &str| {
            let (_, evidence) = fields.iter().find(|(n, _)| *n == name).unwrap();
            column(&Kind::Long, evidence, 100, Some(1_000_000))
        };
        let id = of("id");
        assert_eq!((id.distinct_count, id.null_count), (Precision::Inexact(1_000_000), Precision::Inexact(0)));
        assert_eq!(id.max_value, Precision::Inexact(ScalarValue::Int64(Some(99))));
        let group = of("group");
        assert_eq!((group.distinct_count, group.null_count), (Precision::Inexact(3), Precision::Inexact(250_000)));
    }
}
