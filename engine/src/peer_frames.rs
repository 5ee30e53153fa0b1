//! Frames of windows that end with the peers of a row, over keys of any type.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{ExprSchemable, WindowFrameBound, WindowFrameUnits};
use datafusion::prelude::Expr;

/// Counts groups of peers instead of distances where the key has none.
///
/// `rank() OVER (ORDER BY time_of_day)` has a frame by RANGE from the first row to the peers of the current one, which DataFusion
/// allows for keys only that it can add to. Without a distance, a frame by GROUPS holds the same rows.
#[derive(Debug)]
pub(crate) struct PeerFrames;

impl FunctionRewrite for PeerFrames {
    fn name(&self) -> &str {
        "peer_frames"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        let Expr::WindowFunction(mut window) = expr else { return Ok(Transformed::no(expr)) };
        let frame = &window.params.window_frame;
        let by_range = frame.units == WindowFrameUnits::Range;
        let distance = is_distance(&frame.start_bound) || is_distance(&frame.end_bound);
        let key = window.params.order_by.first().and_then(|key| key.expr.get_type(schema).ok());
        if !by_range || distance || !key.is_some_and(|t| is_without_distance(&t)) {
            return Ok(Transformed::no(Expr::WindowFunction(window)));
        }
        window.params.window_frame.units = WindowFrameUnits::Groups;
        Ok(Transformed::yes(Expr::WindowFunction(window)))
    }
}

/// Whether a bound is so far away from the current row.
pub(crate) fn is_distance(bound: &WindowFrameBound) -> bool {
    match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => !by.is_null(),
        WindowFrameBound::CurrentRow => false,
    }
}

fn is_without_distance(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Interval(_)
            | DataType::Duration(_)
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
            | DataType::Struct(_)
    )
}
