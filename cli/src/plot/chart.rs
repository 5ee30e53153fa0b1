//! What the columns of a result are in a picture.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use headwater_common::{Error, Result};

/// Most series in one picture.
const SERIES_MAX: usize = 12;
/// Numbers and texts that say something about a row and are not drawn.
const ASIDE: [&str; 9] =
    ["step", "score", "anomaly_probability", "status", "model", "fold", "seconds", "period", "strength"];

/// A picture's data.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    /// Whether x is microseconds since the epoch.
    pub(crate) times: bool,
    /// Name of the x column.
    pub(crate) x_name: String,
    /// Lines, in the order of their names.
    pub(crate) lines: Vec<Line>,
    /// Areas between bounds.
    pub(crate) bands: Vec<Band>,
    /// Marked points.
    pub(crate) marks: Vec<(f64, f64)>,
}

/// Values of one column of one series.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Number of its series, for the colour.
    pub(crate) series: usize,
    /// Number of its column, for the dashes.
    pub(crate) column: usize,
    /// x, and y where there is one, in the order of x.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// Bounds of one series.
#[derive(Debug)]
pub(crate) struct Band {
    pub(crate) series: usize,
    /// x, lower, upper.
    pub(crate) points: Vec<(f64, f64, f64)>,
}

/// Places of the columns.
struct Roles {
    x: usize,
    lines: Vec<usize>,
    bands: Vec<(usize, usize)>,
    mark: Option<usize>,
    texts: Vec<usize>,
}

impl Roles {
    fn of(schema: &SchemaRef) -> Result<Self> {
        let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
        let name = |i: usize| schema.field(i).name().as_str();
        let is_time = |t: &DataType| matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        let x = types.iter().position(|t| is_time(t)).or_else(|| types.iter().position(|t| t.is_numeric()));
        let x = x.ok_or_else(|| Error::invalid("a plot needs a column of times or numbers to draw along"))?;
        let bound = |i: usize, side: &str| name(i).strip_prefix(side).map(str::to_owned);
        let mut bands = Vec::new();
        for low in (0..types.len()).filter(|i| *i != x && types[*i].is_numeric()) {
            let Some(rest) = bound(low, "lower") else { continue };
            let high = (0..types.len()).find(|i| types[*i].is_numeric() && bound(*i, "upper").as_ref() == Some(&rest));
            bands.extend(high.map(|high| (low, high)));
        }
        let free =
            |i: &usize| *i != x && !ASIDE.contains(&name(*i)) && !bands.iter().any(|(low, high)| low == i || high == i);
        let lines: Vec<usize> = (0..types.len()).filter(free).filter(|i| types[*i].is_numeric()).collect();
        if lines.is_empty() && bands.is_empty() {
            return Err(Error::invalid(format!("a plot needs a column of numbers beside \"{}\"", name(x))));
        }
        let texts = (0..types.len()).filter(free).filter(|i| types[*i].is_string()).collect();
        let mark = types.iter().position(|t| **t == DataType::Boolean);
        Ok(Self { x, lines, bands, mark, texts })
    }
}

impl Chart {
    /// The picture of a result.
    pub(crate) fn of(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let roles = Roles::of(schema)?;
        let all = concat_batches(schema, batches).map_err(|e| Error::internal(e.to_string()))?;
        let times = !schema.field(roles.x).data_type().is_numeric();
        let x = if times { micros(all.column(roles.x))? } else { doubles(all.column(roles.x))? };
        let names = series_names(&all, &roles.texts)?;
        let mut series: Vec<String> = names.clone();
        series.sort();
        series.dedup();
        if series.len() > SERIES_MAX {
            let count = series.len();
            return Err(Error::invalid(format!(
                "the result has {count} series and a plot room for {SERIES_MAX}; choose some"
            )));
        }
        let mut rows: Vec<usize> = (0..all.num_rows()).filter(|i| x[*i].is_some()).collect();
        rows.sort_by(|a, b| x[*a].unwrap_or_default().total_cmp(&x[*b].unwrap_or_default()));
        let mut chart = Self { times, x_name: schema.field(roles.x).name().clone(), ..Self::default() };
        let columns: Vec<Vec<Option<f64>>> = all.columns().iter().map(doubles_or_none).collect::<Result<_>>()?;
        let marked = roles.mark.map(|mark| all.column(mark).as_boolean().clone());
        for (number, name) in series.iter().enumerate() {
            let own: Vec<usize> = rows.iter().copied().filter(|i| names[*i] == *name).collect();
            let at = |i: usize| x[i].unwrap_or_default();
            for (column, place) in roles.lines.iter().enumerate() {
                let label = schema.field(*place).name();
                let name = if name.is_empty() { label.clone() } else { format!("{name} {label}") };
                let points: Vec<_> = own.iter().map(|i| (at(*i), columns[*place][*i])).collect();
                if points.iter().any(|p| p.1.is_some()) {
                    chart.lines.push(Line { name, series: number, column, points });
                }
            }
            for (low, high) in &roles.bands {
                let bounds = |i: &usize| Some((at(*i), columns[*low][*i]?, columns[*high][*i]?));
                chart.bands.push(Band { series: number, points: own.iter().filter_map(bounds).collect() });
            }
            if let (Some(marked), Some(line)) = (&marked, roles.lines.first()) {
                let flagged = own.iter().filter(|i| marked.is_valid(**i) && marked.value(**i));
                chart.marks.extend(flagged.filter_map(|i| Some((at(*i), columns[*line][*i]?))));
            }
        }
        Ok(chart)
    }
}

/// The texts of a row, which name its series.
fn series_names(all: &RecordBatch, texts: &[usize]) -> Result<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let formatters = texts.iter().map(|i| ArrayFormatter::try_new(all.column(*i), &options));
    let formatters: Vec<_> = formatters.collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))?;
    let name = |row: usize| formatters.iter().map(|f| f.value(row).to_string()).collect::<Vec<_>>().join(" / ");
    Ok((0..all.num_rows()).map(name).collect())
}

fn micros(column: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let internal = |e: arrow::error::ArrowError| Error::internal(e.to_string());
    let column = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(internal)?;
    let column = cast(&column, &DataType::Int64).map_err(internal)?;
    Ok(column.as_primitive::<Int64Type>().iter().map(|v| v.map(|v| v as f64)).collect())
}

fn doubles(column: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let column = cast(column, &DataType::Float64).map_err(|e| Error::internal(e.to_string()))?;
    Ok(column.as_primitive::<Float64Type>().iter().map(|v| v.filter(|v| v.is_finite())).collect())
}

fn doubles_or_none(column: &ArrayRef) -> Result<Vec<Option<f64>>> {
    if column.data_type().is_numeric() { doubles(column) } else { Ok(Vec::new()) }
}
