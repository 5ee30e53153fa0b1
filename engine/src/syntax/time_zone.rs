//! `time AT TIME ZONE zone` is a function that turns an instant into the zone's clock and a clock into an instant.

use datafusion::sql::sqlparser::ast::Expr;

use super::{call, placeholder};
use crate::functions::AT_TIME_ZONE;

/// DataFusion casts to a timestamp of that zone, which keeps an instant as it is.
pub(super) fn rewrite(expr: &mut Expr) {
    if matches!(expr, Expr::AtTimeZone { .. })
        && let Expr::AtTimeZone { timestamp, time_zone } = std::mem::replace(expr, placeholder())
    {
        *expr = call(AT_TIME_ZONE, vec![*timestamp, *time_zone]);
    }
}
