//! What a session is: `current_user`, `session_user`, `current_schema`, `current_database`, `current_catalog`; and
//! `gen_random_uuid`.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The functions that answer for every session from its configuration.
pub(super) fn all() -> Vec<ScalarUDF> {
    let fact = |name, fact, description| ScalarUDF::new_from_impl(About::new(name, fact, description));
    vec![
        fact("current_schema", Fact::Schema, "The schema of names without one."),
        fact("current_database", Fact::Catalog, "The catalog, which is a source, of names without one."),
        fact("current_catalog", Fact::Catalog, "The catalog, which is a source, of names without one."),
        fact("gen_random_uuid", Fact::Uuid, "A random UUID of version 4 for each row, as text."),
    ]
}

/// The functions that answer with a user's name.
pub(crate) fn of_user(user: &str) -> [ScalarUDF; 2] {
    ["current_user", "session_user"]
        .map(|name| ScalarUDF::new_from_impl(About::new(name, Fact::User(user.into()), "The user of this session.")))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Fact {
    User(Arc<str>),
    Schema,
    Catalog,
    Uuid,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct About {
    name: &'static str,
    fact: Fact,
    signature: Signature,
    documentation: Documentation,
}

impl About {
    fn new(name: &'static str, fact: Fact, description: &str) -> Self {
        let volatility = if fact == Fact::Uuid { Volatility::Volatile } else { Volatility::Stable };
        let documentation = Documentation::builder(DocSection::default(), description, format!("{name}()")).build();
        Self { name, fact, signature: Signature::nullary(volatility), documentation }
    }
}

impl ScalarUDFImpl for About {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let catalog = &args.config_options.catalog;
        let text = match &self.fact {
            Fact::User(name) => name.to_string(),
            Fact::Schema => catalog.default_schema.clone(),
            Fact::Catalog => catalog.default_catalog.clone(),
            Fact::Uuid => {
                let each = (0..args.number_rows).map(|_| uuid::Uuid::new_v4().to_string());
                return Ok(ColumnarValue::Array(Arc::new(StringArray::from_iter_values(each))));
            }
        };
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
