//! What a statement may do: an allow-list over its plan.

use datafusion::logical_expr::{DmlStatement, LogicalPlan, Statement, WriteOp};
use headwater_common::config::EngineConfig;
use headwater_common::{Error, Result};

/// Refuses every plan but queries, explanations of queries, settings, and the allowed changes of rows.
pub(crate) fn check(plan: &LogicalPlan, config: &EngineConfig) -> Result<()> {
    match plan {
        LogicalPlan::Ddl(ddl) => Err(Error::unsupported(format!(
            "{} is not supported; tables are made at their source, and CREATE SOURCE adds a source",
            ddl.name()
        ))),
        LogicalPlan::Copy(_) => Err(Error::denied("COPY ... TO is not allowed: it would write files on the server")),
        LogicalPlan::Statement(Statement::SetVariable(_) | Statement::ResetVariable(_)) => Ok(()),
        LogicalPlan::Statement(Statement::TransactionStart(_) | Statement::TransactionEnd(_)) => Err(Error::unsupported(
            "transactions over several statements are not supported; each statement is atomic at its source",
        )),
        LogicalPlan::Statement(other) => {
            Err(Error::unsupported(format!("{} is not supported; the client's own prepared statements are", other.name())))
        }
        LogicalPlan::Dml(DmlStatement { op: WriteOp::Insert(_) | WriteOp::Delete | WriteOp::Update, .. }) => {
            if config.allow_writes {
                return Ok(());
            }
            Err(Error::denied("INSERT, UPDATE and DELETE are switched off by engine.allow_writes"))
        }
        LogicalPlan::Dml(other) => {
            Err(Error::unsupported(format!("{} is not supported; use INSERT, UPDATE or DELETE", other.op)))
        }
        LogicalPlan::Analyze(analyze) => match analyze.input.as_ref() {
            LogicalPlan::Dml(_) => Err(Error::unsupported("EXPLAIN ANALYZE would run the change; use EXPLAIN")),
            input => check(input, config),
        },
        LogicalPlan::Explain(explain) => check(&explain.plan, config),
        _ => Ok(()),
    }
}
