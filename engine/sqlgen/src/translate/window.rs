//! Functions over windows.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    ExprSchemable, LogicalPlan, Window as PlanWindow, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition,
};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome, Refused};

use super::Translator;
use super::database::{AggregateCall, Part, Value};
use super::expr::Scope;
use super::relation::{Relation, Stage};
use crate::expr::{Bound, Expr, Frame, Window};

/// A call over a window; a cast of the call stands around the whole.
pub(super) fn over(call: Expr, window: impl FnOnce(Expr) -> Expr) -> Expr {
    match call {
        Expr::CheckedCast(inner, name) => Expr::CheckedCast(Box::new(window(*inner)), name),
        Expr::Cast(inner, name) => Expr::Cast(Box::new(window(*inner)), name),
        function => window(function),
    }
}

impl Translator<'_> {
    pub(super) fn window(&mut self, window: &PlanWindow) -> Outcome<Relation> {
        let part = LogicalPlan::Window(window.clone()).display().to_string();
        let input = self.plan(&window.input)?;
        let supported = self.database.supports(Part::Window);
        self.noted(part, supported)?;
        // Windows see rows; what is computed from another window becomes a column first.
        let mut relation = match input.stage {
            Stage::Rows => input,
            _ => self.wrap(input),
        };
        let mut found = Vec::new();
        let mut refused = false;
        for expr in &window.window_expr {
            match self.window_value(expr, &Scope { schema: window.input.schema(), columns: &relation.columns }) {
                Ok(value) => found.push(value),
                Err(Refused) => refused = true,
            }
        }
        if refused {
            return Err(Refused);
        }
        relation.columns.extend(found);
        relation.stage = Stage::Windowed;
        Ok(relation)
    }

    fn window_value(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        match expr {
            PlanExpr::Alias(alias) => self.window_value(&alias.expr, scope),
            PlanExpr::WindowFunction(function) => self.window_function(expr, function, scope),
            other => self.refuse(other, "it is no function over a window"),
        }
    }

    fn window_function(&mut self, expr: &PlanExpr, function: &WindowFunction, scope: &Scope<'_>) -> Outcome<Value> {
        let params = &function.params;
        if params.null_treatment.is_some() {
            return self.refuse(expr, "its treatment of nulls is kept here");
        }
        let Ok(result) = expr.get_type(scope.schema) else { return self.refuse(expr, "its type is not known") };
        let partition = self.values(&params.partition_by, scope);
        let order = self.order(&params.order_by, scope);
        let frame = match function.fun {
            // These look at the partition, whatever frame stands there.
            WindowFunctionDefinition::WindowUDF(ref udf) if FRAMELESS.contains(&udf.name()) => {
                if params.order_by.is_empty() {
                    Err(format!("{} counts rows that have no order", udf.name()))
                } else {
                    Ok(self.database.window_frame(udf.name(), PEERS))
                }
            }
            _ => frame(&params.window_frame, params.order_by.is_empty()).map(Some),
        };
        let frame = self.noted(expr, frame);
        let call = match &function.fun {
            WindowFunctionDefinition::AggregateUDF(udf) => {
                let call = self.aggregate_parts(udf.name(), &params.args, params.distinct, params.filter.as_deref(), scope);
                let call = call.map(|call| AggregateCall { over_window: true, ..call })?;
                self.database.aggregate(&call, &result)
            }
            WindowFunctionDefinition::WindowUDF(_) if params.filter.is_some() || params.distinct => {
                Err("its FILTER or DISTINCT is kept here".to_owned())
            }
            WindowFunctionDefinition::WindowUDF(udf) => {
                let arguments = self.values(&params.args, scope)?;
                self.database.window(udf.name(), &arguments, &result)
            }
        };
        let mut value = self.noted(expr, call)?;
        let (partition, order, frame) = (partition?, order?, frame?);
        self.group_keys(&partition)?;
        let partition = partition.into_iter().map(|p| p.expr).collect();
        let window = |function| Expr::Window(Box::new(Window { function, partition, order, frame }));
        value.expr = over(value.expr, window);
        Ok(value)
    }
}

/// Functions that look at no frame.
const FRAMELESS: &[&str] = &["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"];

/// The frame that a window with an order has when none is written.
const PEERS: Frame = Frame { rows: false, start: Bound::UnboundedPreceding, end: Bound::CurrentRow };

/// The frame, when it is counted in rows or reaches whole groups of equal rows.
fn frame(frame: &WindowFrame, unordered: bool) -> Result<Frame, String> {
    let rows = match frame.units {
        WindowFrameUnits::Rows => true,
        WindowFrameUnits::Range => false,
        WindowFrameUnits::Groups => return Err("frames of groups are computed here".into()),
    };
    let (start, end) = (bound(&frame.start_bound, rows)?, bound(&frame.end_bound, rows)?);
    let whole = (start, end) == (Bound::UnboundedPreceding, Bound::UnboundedFollowing);
    if rows && unordered && !whole {
        return Err("its frame counts rows that have no order".into());
    }
    Ok(Frame { rows, start, end })
}

fn bound(bound: &WindowFrameBound, rows: bool) -> Result<Bound, String> {
    let number = |value: &ScalarValue| match value {
        ScalarValue::UInt64(Some(n)) if rows => Ok(*n),
        _ => Err("frames of a range of values are computed here".to_owned()),
    };
    Ok(match bound {
        WindowFrameBound::Preceding(v) if v.is_null() => Bound::UnboundedPreceding,
        WindowFrameBound::Following(v) if v.is_null() => Bound::UnboundedFollowing,
        WindowFrameBound::Preceding(v) => Bound::Preceding(number(v)?),
        WindowFrameBound::Following(v) => Bound::Following(number(v)?),
        WindowFrameBound::CurrentRow => Bound::CurrentRow,
    })
}
