//! Sub-queries that name columns of the query around them, in shapes that DataFusion refuses.
//!
//! | file | sub-query |
//! |---|---|
//! | `block.rs` | its rows and conditions, and their join with the query around |
//! | `domain/` | any that the others leave |
//! | `first_of_subquery.rs` | a value of the first row |
//! | `join_correlated_aggregates.rs` | an aggregate over rows that are found by other conditions than `=` |
//! | `number_lateral_rows.rs` | LATERAL with LIMIT or with such an aggregate |
//! | `only_row.rs` | a value of its one row |
//! | `partition_windows.rs` | window functions over such rows |
//! | `unnest_lateral.rs` | LATERAL that reads no table |

mod block;
mod domain;
mod first_of_subquery;
mod join_correlated_aggregates;
mod number_lateral_rows;
mod only_row;
mod partition_windows;
mod unnest_lateral;

pub use domain::{FlattenSubqueries, subquery_of};
pub use first_of_subquery::FirstOfSubquery;
pub use join_correlated_aggregates::JoinCorrelatedAggregates;
pub use number_lateral_rows::NumberLateralRows;
pub use only_row::OnlyRow;
pub use partition_windows::PartitionWindows;
pub use unnest_lateral::UnnestLateral;
