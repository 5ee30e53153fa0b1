//! The text of expressions.

use crate::ast::{Arithmetic, Comparison, Expr, Function, Truth};
use crate::print::{Dialect, Print, Printer, literal, quoted, type_name};
use crate::value::Type;

impl Printer<'_> {
    pub(crate) fn expr(&mut self, expr: &Expr) -> Print {
        match expr {
            Expr::Column { table, name, ty } => self.column(table, name, *ty),
            Expr::Literal(value, ty) => {
                let text = literal(self.dialect, value, *ty);
                self.put(&text);
                Ok(())
            }
            Expr::Not(inner) => self.wrapped("(NOT ", inner, ")"),
            Expr::All(list) | Expr::Any(list) => {
                let between = if matches!(expr, Expr::All(_)) { " AND " } else { " OR " };
                self.put("(");
                self.list(list, between, Self::expr)?;
                self.put(")");
                Ok(())
            }
            Expr::Compare(op, sides) => self.compare(*op, sides),
            Expr::IsNull { expr, negated } => self.wrapped("(", expr, if *negated { " IS NOT NULL)" } else { " IS NULL)" }),
            Expr::Truth(truth, inner) => self.truth(*truth, inner),
            Expr::InList { expr, list, negated } => {
                self.wrapped("(", expr, if *negated { " NOT IN (" } else { " IN (" })?;
                self.list(list, ", ", Self::expr)?;
                self.put("))");
                Ok(())
            }
            Expr::Between { parts, negated } => {
                self.wrapped("(", &parts[0], if *negated { " NOT BETWEEN " } else { " BETWEEN " })?;
                self.expr(&parts[1])?;
                self.wrapped(" AND ", &parts[2], ")")
            }
            Expr::Like { expr, pattern, negated, insensitive } => self.like(expr, pattern, *negated, *insensitive),
            Expr::Case { whens, otherwise, .. } => {
                self.put("CASE");
                for (when, then) in whens {
                    self.wrapped(" WHEN ", when, " THEN ")?;
                    self.expr(then)?;
                }
                if let Some(otherwise) = otherwise {
                    self.wrapped(" ELSE ", otherwise, "")?;
                }
                self.put(" END");
                Ok(())
            }
            Expr::Arithmetic(op, sides) => self.arithmetic(*op, sides),
            Expr::Call { function, arguments, .. } => self.call(*function, arguments),
            Expr::Cast(inner, ty) => self.cast(inner, *ty),
            other => self.nested(other),
        }
    }

    /// Sub-queries, aggregates and windows.
    fn nested(&mut self, expr: &Expr) -> Print {
        match expr {
            Expr::Exists { query, negated } => {
                self.put(if *negated { "(NOT EXISTS (" } else { "(EXISTS (" });
                self.query(query)?;
                self.put("))");
            }
            Expr::InQuery { expr, query, negated } => {
                self.wrapped("(", expr, if *negated { " NOT IN (" } else { " IN (" })?;
                self.query(query)?;
                self.put("))");
            }
            Expr::Scalar { query, .. } => {
                self.put("(");
                self.query(query)?;
                self.put(")");
            }
            Expr::Aggregate { function, argument, distinct, filter, .. } => {
                let arguments: Vec<&Expr> = argument.iter().map(Box::as_ref).collect();
                self.aggregate(*function, &arguments, *distinct)?;
                if let Some(filter) = filter {
                    self.wrapped(" FILTER (WHERE ", filter, ")")?;
                }
            }
            Expr::Window { function, arguments, partition, order, frame, .. } => {
                self.window(*function, arguments)?;
                self.put(" OVER (");
                if !partition.is_empty() {
                    self.put("PARTITION BY ");
                    self.list(partition, ", ", Self::expr)?;
                }
                if !order.is_empty() {
                    self.put(if partition.is_empty() { "ORDER BY " } else { " ORDER BY " });
                    self.keys(order)?;
                }
                if let Some((before, after)) = frame {
                    self.put(&format!(" ROWS BETWEEN {before} PRECEDING AND {after} FOLLOWING"));
                }
                self.put(")");
            }
            Expr::Grouping(inner) => self.wrapped("GROUPING(", inner, ")")?,
            _ => return Err("the expression has no text"),
        }
        Ok(())
    }

    fn wrapped(&mut self, before: &str, expr: &Expr, after: &str) -> Print {
        self.put(before);
        self.expr(expr)?;
        self.put(after);
        Ok(())
    }

    fn column(&mut self, table: &str, name: &str, ty: Type) -> Print {
        if name == "z" {
            self.oracles_differ("signed zeros are equal elsewhere")?;
        }
        let column = format!("{table}.{}", quoted(name));
        let text = match (self.dialect, ty) {
            (Dialect::Postgres, Type::Uuid) => format!("(CAST({column} AS TEXT) COLLATE \"C\")"),
            (Dialect::Postgres, Type::Text) => format!("({column} COLLATE \"C\")"),
            _ => column,
        };
        self.put(&text);
        Ok(())
    }

    fn compare(&mut self, op: Comparison, sides: &[Expr; 2]) -> Print {
        self.wrapped(
            "(",
            &sides[0],
            match op {
                Comparison::Eq => " = ",
                Comparison::NotEq => " <> ",
                Comparison::Lt => " < ",
                Comparison::LtEq => " <= ",
                Comparison::Gt => " > ",
                Comparison::GtEq => " >= ",
                Comparison::Distinct => " IS DISTINCT FROM ",
                Comparison::NotDistinct => " IS NOT DISTINCT FROM ",
            },
        )?;
        self.wrapped("", &sides[1], ")")
    }

    fn truth(&mut self, truth: Truth, inner: &Expr) -> Print {
        let duck = self.dialect == Dialect::DuckDb;
        self.wrapped(
            "(",
            inner,
            match truth {
                Truth::True if duck => " IS NOT DISTINCT FROM TRUE)",
                Truth::NotTrue if duck => " IS DISTINCT FROM TRUE)",
                Truth::False if duck => " IS NOT DISTINCT FROM FALSE)",
                Truth::NotFalse if duck => " IS DISTINCT FROM FALSE)",
                Truth::Unknown if duck => " IS NULL)",
                Truth::NotUnknown if duck => " IS NOT NULL)",
                Truth::True => " IS TRUE)",
                Truth::NotTrue => " IS NOT TRUE)",
                Truth::False => " IS FALSE)",
                Truth::NotFalse => " IS NOT FALSE)",
                Truth::Unknown => " IS UNKNOWN)",
                Truth::NotUnknown => " IS NOT UNKNOWN)",
            },
        )
    }

    fn like(&mut self, expr: &Expr, pattern: &str, negated: bool, insensitive: bool) -> Print {
        if insensitive {
            self.oracles_differ("ILIKE folds the case of other letters elsewhere")?;
        }
        self.wrapped("(", expr, if negated { " NOT " } else { " " })?;
        self.put(if insensitive { "ILIKE '" } else { "LIKE '" });
        self.put(&pattern.replace('\'', "''"));
        self.put(if self.dialect == Dialect::DuckDb { "' ESCAPE '\\')" } else { "')" });
        Ok(())
    }

    fn arithmetic(&mut self, op: Arithmetic, sides: &[Expr; 2]) -> Print {
        let integer = sides[0].ty().is_integer();
        if op == Arithmetic::Divide && !integer {
            self.oracles_differ("division by zero is an error elsewhere")?;
        }
        self.wrapped(
            "(",
            &sides[0],
            match op {
                Arithmetic::Plus => " + ",
                Arithmetic::Minus => " - ",
                Arithmetic::Times => " * ",
                Arithmetic::Divide if integer && self.dialect == Dialect::DuckDb => " // ",
                Arithmetic::Divide => " / ",
                Arithmetic::Modulo => " % ",
            },
        )?;
        self.wrapped("", &sides[1], ")")
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Print {
        let dialect = self.dialect;
        let (name, between) = match function {
            Function::Abs => ("abs(", ", "),
            Function::Negate => ("(- ", ""),
            Function::Length if dialect == Dialect::DuckDb => ("length(", ""),
            Function::Length => ("character_length(", ""),
            Function::Lower | Function::Upper => {
                self.oracles_differ("the case of letters beyond ASCII follows other tables elsewhere")?;
                (if function == Function::Lower { "lower(" } else { "upper(" }, "")
            }
            Function::Substring => ("substr(", ", "),
            Function::Trim if dialect == Dialect::DuckDb => return self.wrapped("trim(", &arguments[0], ", ' ')"),
            Function::Trim => ("btrim(", ""),
            Function::Replace => ("replace(", ", "),
            Function::JoinTexts => ("(", " || "),
            Function::Concat => ("concat(", ", "),
            Function::StartsWith => ("starts_with(", ", "),
            Function::Position => ("strpos(", ", "),
            Function::Coalesce => ("coalesce(", ", "),
            Function::NullIf => ("nullif(", ", "),
            Function::Greatest => ("greatest(", ", "),
            Function::Least => ("least(", ", "),
            Function::Left => ("left(", ", "),
            Function::Right => ("right(", ", "),
            Function::TrimStart => return self.wrapped("ltrim(", &arguments[0], ", ' ')"),
            Function::TrimEnd => return self.wrapped("rtrim(", &arguments[0], ", ' ')"),
            Function::Reverse if dialect == Dialect::DuckDb => {
                return Err("DuckDB keeps letters with their marks together");
            }
            Function::Reverse => ("reverse(", ""),
            Function::Repeat => ("repeat(", ", "),
            Function::SplitPart => ("split_part(", ", "),
            Function::Bytes if dialect == Dialect::DuckDb => ("strlen(", ""),
            Function::Bytes => ("octet_length(", ""),
            Function::Floor => ("floor(", ""),
            Function::Ceil => ("ceil(", ""),
            Function::Round => {
                self.oracles_differ("halves are rounded to even elsewhere")?;
                ("round(", "")
            }
            other => return self.time_call(other, &arguments[0]),
        };
        self.put(name);
        self.list(arguments, between, Self::expr)?;
        self.put(")");
        Ok(())
    }

    /// Functions of dates and times.
    fn time_call(&mut self, function: Function, argument: &Expr) -> Print {
        if argument.ty() == Type::Instant {
            self.no_zones()?;
        }
        let part = match function {
            Function::Year if self.dialect == Dialect::Postgres => {
                return Err("years before the common era are counted without a year 0");
            }
            Function::Year => "year",
            Function::Quarter => "quarter",
            Function::Month => "month",
            Function::Week => "week",
            Function::Day => "day",
            Function::DayOfYear => "doy",
            Function::DayOfWeek => "dow",
            Function::Hour => "hour",
            Function::Minute => "minute",
            Function::Second => {
                self.oracles_differ("seconds have fractions elsewhere")?;
                "second"
            }
            Function::NextMonth => return self.wrapped("CAST(", argument, " + INTERVAL '1 month' AS DATE)"),
            Function::NextDay => return self.wrapped("CAST(", argument, " + INTERVAL '1 day' AS DATE)"),
            Function::LaterHours => return self.wrapped("(", argument, " + INTERVAL '36 hours')"),
            truncation => return self.truncate(truncation, argument),
        };
        self.wrapped(&format!("CAST(date_part('{part}', "), argument, ") AS BIGINT)")
    }

    fn truncate(&mut self, function: Function, argument: &Expr) -> Print {
        let unit = match function {
            Function::TruncateYear => "year",
            Function::TruncateQuarter => "quarter",
            Function::TruncateMonth => "month",
            Function::TruncateWeek => "week",
            Function::TruncateDay => "day",
            Function::TruncateHour => "hour",
            _ => return Err("the function has no text"),
        };
        self.wrapped(&format!("date_trunc('{unit}', "), argument, ")")
    }

    fn no_zones(&self) -> Print {
        if self.dialect == Dialect::DuckDb { Err("DuckDB needs an extension for time zones") } else { Ok(()) }
    }

    fn cast(&mut self, inner: &Expr, ty: Type) -> Print {
        if (inner.ty() == Type::Instant) != (ty == Type::Instant) {
            self.no_zones()?;
        }
        match (inner.ty(), ty) {
            (Type::Float | Type::Decimal, to) if to.is_integer() => {
                self.oracles_differ("fractions are rounded elsewhere")?
            }
            (Type::Float | Type::Date | Type::Timestamp, Type::Text) => {
                self.oracles_differ("floats and times have other texts elsewhere")?;
            }
            _ => {}
        }
        self.wrapped("CAST(", inner, " AS ")?;
        self.put(type_name(self.dialect, ty));
        self.put(")");
        Ok(())
    }
}
