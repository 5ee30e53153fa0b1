//! Casts of texts to types whose texts DataFusion does not read: bytes and uuids.

use datafusion::sql::sqlparser::ast::{CastKind, DataType, Expr, TypedString};
use headwater_common::{Error, Result};

use super::{call, placeholder};
use crate::functions::{BYTES_OF, UUID_OF};

/// Writes the cast as a call of the function that reads such texts.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    let (data_type, tries) = match expr {
        Expr::Cast { kind, data_type, array: false, .. } => {
            (data_type, matches!(kind, CastKind::TryCast | CastKind::SafeCast))
        }
        Expr::TypedString(TypedString { data_type, .. }) => (data_type, false),
        _ => return Ok(()),
    };
    let function = match data_type {
        DataType::Bytea => BYTES_OF,
        DataType::Uuid => UUID_OF,
        _ => return Ok(()),
    };
    if tries {
        return Err(Error::unsupported("TRY_CAST to bytes and uuids is not supported; CAST is"));
    }
    let text = match std::mem::replace(expr, placeholder()) {
        Expr::Cast { expr, .. } => *expr,
        Expr::TypedString(TypedString { value, .. }) => Expr::Value(value),
        other => other,
    };
    *expr = call(function, vec![text]);
    Ok(())
}
