//! ml_deploy: chooses the default version of a model.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_registry::{ModelName, Strategy};

use super::library::Library;
use crate::error::outward;

/// The function.
pub(crate) fn function(library: Arc<Library>) -> Arc<ScalarUDF> {
    let deploy = Deploy { library, signature: Signature::any(2, Volatility::Volatile) };
    Arc::new(AsyncScalarUDF::new(Arc::new(deploy)).into_scalar_udf())
}

/// `ml_deploy('m', 'best_score')`: makes a version the default and returns its number.
#[derive(Debug)]
struct Deploy {
    library: Arc<Library>,
    signature: Signature,
}

impl PartialEq for Deploy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.library, &other.library)
    }
}

impl Eq for Deploy {}

impl Hash for Deploy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for Deploy {
    fn name(&self) -> &'static str {
        "ml_deploy"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(outward(Error::internal("ml_deploy was called where it cannot wait")))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Deploy {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut texts = Vec::new();
        for argument in args.args {
            texts.push(cast(&argument.into_array(rows)?, &DataType::Utf8)?);
        }
        let wrong = || {
            outward(Error::invalid(
                "ml_deploy is called as ml_deploy('model', 'best_score'), ml_deploy('model', 'most_recent') or \
                 ml_deploy('model', 'rollback')",
            ))
        };
        let [models, strategies] = texts.as_slice() else { return Err(wrong()) };
        let mut numbers = Vec::with_capacity(rows);
        for (model, strategy) in models.as_string::<i32>().iter().zip(strategies.as_string::<i32>()) {
            let strategy = match strategy {
                Some("best_score") => Strategy::BestScore,
                Some("most_recent") => Strategy::MostRecent,
                Some("rollback") => Strategy::Rollback,
                _ => return Err(wrong()),
            };
            let name = ModelName::parse(model.ok_or_else(wrong)?).map_err(outward)?;
            let number = self.library.registry().deploy(&name, strategy).await.map_err(outward)?;
            numbers.push(i64::try_from(number).ok());
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(numbers))))
    }
}
