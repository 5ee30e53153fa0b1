//! `linear_regression_agg(y, x1, x2, ...)`: least squares over the rows of a group.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_timeseries::linear::{Matrix, dot, solve_positive};

use crate::error::{arrow, outward};

/// Most variables beside the target.
const VARIABLES_MAX: usize = 100;

/// See the module.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LinearRegression {
    signature: Signature,
}

impl Default for LinearRegression {
    fn default() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

fn state_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("intercept", DataType::Float64, true),
        Field::new("coefficients", state_type(), true),
        Field::new("r_squared", DataType::Float64, true),
        Field::new("count", DataType::Int64, true),
    ])
}

impl AggregateUDFImpl for LinearRegression {
    fn name(&self) -> &str {
        "linear_regression_agg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let fits = (2..=VARIABLES_MAX + 1).contains(&types.len()) && types.iter().all(|t| t.is_numeric() || t.is_null());
        if fits {
            return Ok(DataType::Struct(fields()));
        }
        Err(outward(Error::invalid(format!(
            "linear_regression_agg is called as linear_regression_agg(y, x1 [, x2, ...]) with up to {VARIABLES_MAX} numbers x"
        ))))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Err(outward(Error::unsupported("linear_regression_agg does not take DISTINCT")));
        }
        Ok(Box::new(Moments::new(args.exprs.len())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "moments"), state_type(), true))])
    }
}

/// Count, means and sums of products of deviations (Chan, Golub & LeVeque, "Updating formulae", 1979), which stay exact where
/// sums of squares would cancel. O(rows x variables²).
#[derive(Debug)]
struct Moments {
    count: f64,
    means: Vec<f64>,
    /// Row by row, all of it.
    products: Vec<f64>,
}

impl Moments {
    fn new(width: usize) -> Self {
        Self { count: 0.0, means: vec![0.0; width], products: vec![0.0; width * width] }
    }

    fn add(&mut self, count: f64, means: &[f64], products: &[f64]) {
        if count == 0.0 {
            return;
        }
        let (width, total) = (self.means.len(), self.count + count);
        let apart: Vec<f64> = means.iter().zip(&self.means).map(|(new, old)| new - old).collect();
        for i in 0..width {
            for j in 0..width {
                self.products[i * width + j] += products[i * width + j] + apart[i] * apart[j] * self.count * count / total;
            }
        }
        self.means.iter_mut().zip(apart).for_each(|(mean, apart)| *mean += apart * count / total);
        self.count = total;
    }

    /// Intercept, coefficients and R²; `None` when they are not determined.
    fn fit(&self) -> Option<(f64, Vec<f64>, f64)> {
        let width = self.means.len();
        if self.count < width as f64 {
            return None;
        }
        // Scaled to correlations, so that the units of the variables do not matter for what counts as dependent.
        let scales: Vec<f64> = (0..width).map(|i| self.products[i * width + i].sqrt()).collect();
        if scales[1..].iter().any(|s| !(*s > 0.0 && s.is_finite())) || !scales[0].is_finite() {
            return None;
        }
        let size = if scales[0] > 0.0 { scales[0] } else { 1.0 };
        let entry = |i: usize, j: usize| self.products[(i + 1) * width + j + 1] / scales[i + 1] / scales[j + 1];
        let right: Vec<f64> = (1..width).map(|i| self.products[i * width] / scales[i] / size).collect();
        let solved = solve_positive(&Matrix::from_fn(width - 1, width - 1, entry), &right)?;
        let explained = dot(&solved, &right).clamp(0.0, 1.0);
        let coefficients: Vec<f64> = solved.iter().zip(&scales[1..]).map(|(c, s)| c * size / s).collect();
        let intercept = self.means[0] - dot(&coefficients, &self.means[1..]);
        let r_squared = if scales[0] > 0.0 { explained } else { f64::NAN };
        coefficients.iter().all(|c| c.is_finite()).then_some((intercept, coefficients, r_squared))
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let doubles: Vec<ArrayRef> = values.iter().map(|c| cast(c, &DataType::Float64)).collect::<Result<_, _>>()?;
        let columns: Vec<&Float64Array> = doubles.iter().map(|c| c.as_primitive::<Float64Type>()).collect();
        let none = vec![0.0; self.products.len()];
        let mut row = vec![0.0; columns.len()];
        for i in 0..columns.first().map_or(0, |c| c.len()) {
            // A row that lacks a value says nothing, as in regr_slope.
            if columns.iter().any(|c| c.is_null(i)) {
                continue;
            }
            row.iter_mut().zip(&columns).for_each(|(to, c)| *to = c.value(i));
            self.add(1.0, &row, &none);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let fit = self.fit();
        let coefficients = match &fit {
            Some((_, coefficients, _)) => crate::scalar::doubles(coefficients.iter().copied()),
            None => ScalarValue::try_from(&state_type())?,
        };
        let double = |v: Option<f64>| Arc::new(Float64Array::from(vec![v.filter(|v| v.is_finite())])) as ArrayRef;
        let columns = vec![
            double(fit.as_ref().map(|f| f.0)),
            coefficients.to_array()?,
            double(fit.as_ref().map(|f| f.2)),
            Arc::new(Int64Array::from(vec![self.count as i64])),
        ];
        let record = StructArray::try_new(fields(), columns, None).map_err(arrow).map_err(outward)?;
        Ok(ScalarValue::Struct(Arc::new(record)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + 8 * (self.means.len() + self.products.len())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let all = [self.count].into_iter().chain(self.means.iter().copied()).chain(self.products.iter().copied());
        let all: Vec<ScalarValue> = all.map(|v| ScalarValue::Float64(Some(v))).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&all, &DataType::Float64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let width = self.means.len();
        for state in states[0].as_list::<i32>().iter().flatten() {
            let values = state.as_primitive::<Float64Type>().values();
            if values.len() != 1 + width + width * width {
                return Err(outward(Error::internal("a state of linear_regression_agg of another width")));
            }
            self.add(values[0], &values[1..=width], &values[width + 1..]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(rows: &[[f64; 3]], parts: usize) -> Option<(f64, Vec<f64>, f64)> {
        let mut all = Moments::new(3);
        for part in rows.chunks(rows.len().div_ceil(parts)) {
            let mut moments = Moments::new(3);
            let columns: Vec<ArrayRef> =
                (0..3).map(|i| Arc::new(part.iter().map(|r| Some(r[i])).collect::<Float64Array>()) as ArrayRef).collect();
            moments.update_batch(&columns).unwrap();
            let state = moments.state().unwrap().remove(0).to_array().unwrap();
            all.merge_batch(&[state]).unwrap();
        }
        all.fit()
    }

    #[test]
    fn a_plane_far_from_the_origin_is_found_in_any_number_of_parts() {
        let rows: Vec<[f64; 3]> = (0..50)
            .map(|i| {
                let (a, b) = (1e8 + f64::from(i), f64::from(i * i % 11));
                [3.0 + 2.0 * a - 0.5 * b, a, b]
            })
            .collect();
        for parts in [1, 3, 50] {
            let (_, coefficients, r_squared) = fitted(&rows, parts).unwrap();
            assert!((coefficients[0] - 2.0).abs() < 1e-6 && (coefficients[1] + 0.5).abs() < 1e-5, "{coefficients:?}");
            assert!(r_squared > 1.0 - 1e-9);
        }
        let dependent: Vec<[f64; 3]> = (0..20).map(|i| [f64::from(i), f64::from(i), 2.0 * f64::from(i)]).collect();
        assert!(fitted(&dependent, 1).is_none());
        assert!(fitted(&rows[..2], 1).is_none());
    }
}
