//! Primary and foreign keys, with the schemas that the Flight SQL specification gives them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys};
use headwater_source::{ForeignKey, TableMeta};
use tonic::Status;

use super::Service;
use crate::session::WireSession;

/// A table's place, as a filter: what is `None` matches everything.
struct Place {
    catalog: Option<String>,
    schema: Option<String>,
    table: Option<String>,
}

impl Place {
    fn holds(&self, catalog: &str, schema: &str, table: &str) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        same(&self.catalog, catalog) && same(&self.schema, schema) && same(&self.table, table)
    }
}

fn each_table(service: &Service, mut visit: impl FnMut(&str, &TableMeta)) {
    for catalog in service.sessions.engine().catalogs() {
        for schema in catalog.discovery().schemas.values() {
            for table in schema.tables.values() {
                visit(catalog.source().name(), table);
            }
        }
    }
}

/// Catalog, schema, table, column, number in the key, name of the key.
type PrimaryRow = (String, String, String, String, i32, String);

pub(super) async fn primary(
    service: &Service,
    _wire: &WireSession,
    query: CommandGetPrimaryKeys,
) -> Result<RecordBatch, Status> {
    let place = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    let mut rows: Vec<PrimaryRow> = Vec::new();
    each_table(service, |catalog, table| {
        if !place.holds(catalog, &table.name.schema, &table.name.table) {
            return;
        }
        if let Some((name, columns)) = &table.primary_key {
            for (i, column) in columns.iter().enumerate() {
                let column = table.columns.get(*column).map(|c| c.name().to_owned()).unwrap_or_default();
                let number = i32::try_from(i + 1).unwrap_or(i32::MAX);
                let TableMeta { name: at, .. } = table;
                rows.push((catalog.to_owned(), at.schema.clone(), at.table.clone(), column, number, name.clone()));
            }
        }
    });
    let text = |f: fn(&PrimaryRow) -> &String| Arc::new(StringArray::from_iter_values(rows.iter().map(f))) as ArrayRef;
    let fields = vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ];
    let columns = vec![
        text(|r| &r.0),
        text(|r| &r.1),
        text(|r| &r.2),
        text(|r| &r.3),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.4))),
        text(|r| &r.5),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| Status::internal(format!("keys: {e}")))
}

pub(super) async fn imported(
    service: &Service,
    _w: &WireSession,
    query: CommandGetImportedKeys,
) -> Result<RecordBatch, Status> {
    let foreign = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    references(service, &Place { catalog: None, schema: None, table: None }, &foreign)
}

pub(super) async fn exported(
    service: &Service,
    _w: &WireSession,
    query: CommandGetExportedKeys,
) -> Result<RecordBatch, Status> {
    let primary = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    references(service, &primary, &Place { catalog: None, schema: None, table: None })
}

pub(super) async fn cross(
    service: &Service,
    _w: &WireSession,
    query: CommandGetCrossReference,
) -> Result<RecordBatch, Status> {
    let primary = Place { catalog: query.pk_catalog, schema: query.pk_db_schema, table: Some(query.pk_table) };
    let foreign = Place { catalog: query.fk_catalog, schema: query.fk_db_schema, table: Some(query.fk_table) };
    references(service, &primary, &foreign)
}

/// One column of a foreign key.
struct Reference {
    texts: [String; 8],
    sequence: i32,
    names: [Option<String>; 2],
    rules: [u8; 2],
}

fn references(service: &Service, primary: &Place, foreign: &Place) -> Result<RecordBatch, Status> {
    let mut rows: Vec<Reference> = Vec::new();
    each_table(service, |catalog, table| {
        for key in &table.foreign_keys {
            let to = &key.references;
            if foreign.holds(catalog, &table.name.schema, &table.name.table)
                && primary.holds(catalog, &to.schema, &to.table)
            {
                rows.extend(columns_of(catalog, table, key));
            }
        }
    });
    let names = ["pk_catalog_name", "pk_db_schema_name", "pk_table_name", "pk_column_name"];
    let foreign_names = ["fk_catalog_name", "fk_db_schema_name", "fk_table_name", "fk_column_name"];
    let text_fields = names
        .iter()
        .chain(&foreign_names)
        .map(|n| Field::new(*n, DataType::Utf8, n.contains("catalog") || n.contains("schema")));
    let mut fields: Vec<Field> = text_fields.collect();
    fields.push(Field::new("key_sequence", DataType::Int32, false));
    fields.push(Field::new("fk_key_name", DataType::Utf8, true));
    fields.push(Field::new("pk_key_name", DataType::Utf8, true));
    fields.push(Field::new("update_rule", DataType::UInt8, false));
    fields.push(Field::new("delete_rule", DataType::UInt8, false));
    let mut columns: Vec<ArrayRef> =
        (0..8).map(|i| Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.texts[i]))) as ArrayRef).collect();
    columns.push(Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.sequence))));
    for i in 0..2 {
        columns.push(Arc::new(rows.iter().map(|r| r.names[i].clone()).collect::<StringArray>()));
    }
    for i in 0..2 {
        columns.push(Arc::new(UInt8Array::from_iter_values(rows.iter().map(|r| r.rules[i]))));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| Status::internal(format!("keys: {e}")))
}

fn columns_of(catalog: &str, table: &TableMeta, key: &ForeignKey) -> Vec<Reference> {
    let pairs = key.columns.iter().zip(&key.referenced_columns).enumerate();
    let reference = |(i, (column, referenced)): (usize, (&String, &String))| Reference {
        texts: [
            catalog.to_owned(),
            key.references.schema.clone(),
            key.references.table.clone(),
            referenced.clone(),
            catalog.to_owned(),
            table.name.schema.clone(),
            table.name.table.clone(),
            column.clone(),
        ],
        sequence: i32::try_from(i + 1).unwrap_or(i32::MAX),
        names: [Some(key.name.clone()), None],
        rules: [rule(&key.on_update), rule(&key.on_delete)],
    };
    pairs.map(reference).collect()
}

/// Rules as the specification numbers them.
fn rule(name: &str) -> u8 {
    match name {
        "CASCADE" => 0,
        "RESTRICT" => 1,
        "SET NULL" => 2,
        "SET DEFAULT" => 4,
        _ => 3,
    }
}
