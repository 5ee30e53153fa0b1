//! `now` and `current_timestamp`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Now::new(Some("UTC".into())))
}

/// The time at which the statement began, in microseconds, as sources have it. DataFusion's has nanoseconds, which no time of a
/// source equals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    zone: Option<Arc<str>>,
    signature: Signature,
    aliases: Vec<String>,
    documentation: Documentation,
}

impl Now {
    fn new(zone: Option<Arc<str>>) -> Self {
        let description = "The time at which the statement began, in microseconds; the same wherever it stands in it.";
        Self {
            zone,
            signature: Signature::nullary(Volatility::Stable),
            aliases: vec!["current_timestamp".to_owned()],
            documentation: Documentation::builder(DocSection::default(), description, "now()").build(),
        }
    }

    fn returned(&self) -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, self.zone.clone())
    }
}

fn unplanned() -> datafusion::error::DataFusionError {
    Error::internal("now() was not put in its place when the statement was planned").into_datafusion()
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let zone = config.execution.time_zone.as_deref().map(Arc::from);
        Some(ScalarUDF::new_from_impl(Self::new(zone)))
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.returned())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("now", self.returned(), false)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(start) = info.query_execution_start_time() else { return Ok(ExprSimplifyResult::Original(args)) };
        let value = ScalarValue::TimestampMicrosecond(Some(start.timestamp_micros()), self.zone.clone());
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(unplanned())
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
