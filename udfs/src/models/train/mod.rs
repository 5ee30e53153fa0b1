//! CREATE MODEL: a training as a function over the rows of its query.

mod drift;
mod fit;
mod options;
mod publication;
mod result;
mod series;
mod settings;

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use headwater_common::Result;

use super::call::ModelCall;
use super::library::Library;
use super::planner::Relation;
use crate::table::Arguments;

pub(crate) use options::OPTIONS;
use publication::Publication;
use settings::{Order, Settings};

/// As it is called in messages.
pub(crate) const NAME: &str = "CREATE MODEL";

/// The training over a query with these columns.
pub(crate) fn bind(arguments: &Arguments, fields: &[Arc<Field>], library: &Arc<Library>) -> Result<Relation> {
    library.registry().check_changes()?;
    let order = Order::read(arguments)?;
    let text = format!("{}, {arguments}", order.name);
    let publication = Publication::new(order, Arc::clone(library));
    if arguments.text("task")? == Some(series::TASK) {
        let (each, function) = series::bind(arguments, fields, publication)?;
        let schema = result::schema();
        let call = ModelCall { name: NAME, text: text.clone(), schema, passed: 0, function: Arc::new(function) };
        return Ok(Relation::OfSeries(each, text, call));
    }
    series::refuse_options(arguments)?;
    let function = fit::Train::new(Settings::read(arguments, fields)?, publication, fields.len());
    let schema = result::schema();
    Ok(Relation::Call(ModelCall { name: NAME, text, schema, passed: 0, function: Arc::new(function) }))
}
