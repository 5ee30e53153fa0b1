//! `headwater demo`: a small shop, a few telling queries, and a server to try them on.

mod data;

use std::path::Path;
use std::process::ExitCode;

use headwater_common::clock::Stopwatch;
use headwater_common::config::{Config, Options, SourceConfig};
use headwater_common::{Error, Result};
use headwater_engine::Engine;
use headwater_flight_server::Server;

use crate::args::DemoArgs;
use crate::format::{Format, Style};
use crate::interrupt::termination;
use crate::output::Output;
use crate::run::duration;

/// What the demo asks, each with what it shows.
pub(crate) const QUERIES: &[(&str, &str)] = &[
    (
        "Revenue of the last months",
        "SELECT date_trunc('month', ordered_at) AS month, count(*) AS orders, sum(amount) AS revenue\n\
         FROM shop.public.orders GROUP BY 1 ORDER BY 1 DESC LIMIT 4",
    ),
    (
        "The best customers: a join of two tables",
        "SELECT c.name, c.country, count(*) AS orders, sum(o.amount) AS spent\n\
         FROM shop.public.orders o JOIN shop.public.customers c ON o.customer_id = c.id\n\
         GROUP BY 1, 2 ORDER BY spent DESC, c.name LIMIT 5",
    ),
    (
        "Products that nobody ordered",
        "SELECT p.id, p.name, p.price FROM shop.public.products p\n\
         WHERE NOT EXISTS (SELECT 1 FROM shop.public.orders o WHERE o.product_id = p.id) ORDER BY p.id LIMIT 5",
    ),
    (
        "The mean of each sensor in buckets of a week",
        "SELECT date_bin(INTERVAL '7 days', at, TIMESTAMP '2025-01-01') AS week, sensor, round(avg(value), 2) AS mean,\n\
         count(*) - count(value) AS missing\n\
         FROM shop.public.readings WHERE sensor IN ('s0', 's1') GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 4",
    ),
    (
        "Readings far from the mean of the day around them: a window",
        "SELECT sensor, at, value, mean FROM (SELECT sensor, at, value,\n\
           round(avg(value) OVER (PARTITION BY sensor ORDER BY at ROWS BETWEEN 12 PRECEDING AND 12 FOLLOWING), 2) AS mean\n\
         FROM shop.public.readings) WHERE abs(value - mean) > 25 ORDER BY abs(value - mean) DESC, at LIMIT 5",
    ),
    (
        "The orders of the next days, with the interval that should hold 95 of 100 outcomes",
        "SELECT day, round(forecast) AS orders, round(lower_95) AS lower_95, round(upper_95) AS upper_95, model\n\
         FROM FORECAST((SELECT date_trunc('day', ordered_at) AS day, count(*) AS n FROM shop.public.orders GROUP BY 1),\n\
           timestamp_col => 'day', data_col => 'n', horizon => 3, model => 'auto_ets') ORDER BY day",
    ),
    (
        "How the engine would run a query: files that are read, columns and filters that they get",
        "EXPLAIN SELECT name FROM shop.public.products WHERE price > 190",
    ),
];

/// What the demo draws: a name, and a query.
const PICTURES: &[(&str, &str)] = &[
    (
        "forecast.svg",
        "SELECT day, n AS orders, NULL AS forecast, NULL AS lower_80, NULL AS upper_80, NULL AS lower_95, NULL AS upper_95\n\
         FROM (SELECT date_trunc('day', ordered_at) AS day, count(*) AS n FROM shop.public.orders GROUP BY 1) d\n\
         WHERE day >= (SELECT max(ordered_at) - INTERVAL '90 days' FROM shop.public.orders)\n\
         UNION ALL SELECT day, NULL, forecast, lower_80, upper_80, lower_95, upper_95\n\
         FROM FORECAST((SELECT date_trunc('day', ordered_at) AS day, count(*) AS n FROM shop.public.orders GROUP BY 1),\n\
           timestamp_col => 'day', data_col => 'n', horizon => 28)",
    ),
    (
        "anomalies.svg",
        "SELECT at, value, lower_bound AS lower_usual, upper_bound AS upper_usual, is_anomaly\n\
         FROM DETECT_ANOMALIES((SELECT at, value FROM shop.public.readings WHERE sensor = 's7' AND at BETWEEN '2025-02-01' AND '2025-04-01'),\n\
           timestamp_col => 'at', data_col => 'value', method => 'forecast', anomaly_prob_threshold => 0.995)",
    ),
];

/// What the Python lines ask.
const PYTHON_QUERY: &str = "SELECT * FROM shop.public.orders ORDER BY id LIMIT 5";

/// Runs the demo.
pub(crate) async fn main(args: &DemoArgs) -> Result<ExitCode> {
    let folder = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join("headwater-demo"),
    };
    make(&folder)?;
    let mut config = Config::default();
    config.server.flight_listen = format!("127.0.0.1:{}", args.port);
    let root = folder.to_str().ok_or_else(|| Error::invalid("the folder's name must be Unicode"))?;
    let options = Options::new().with("root", root);
    config.sources.push(SourceConfig { name: "shop".into(), kind: "files".into(), options });
    let server_config = config.server.clone();
    let engine = headwater_flight_server::wire::engine(config).await?;
    if let Some(error) = engine.catalogs().iter().find_map(|c| c.error()) {
        return Err(Error::invalid(format!("{error}; choose another folder with --dir")));
    }
    ask(&engine).await?;
    draw(&engine, &folder).await?;
    if args.no_serve {
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::bind(engine, &server_config).await.map_err(|e| {
        let message = e.message().split("; choose").next().unwrap_or_default().to_owned();
        Error::configuration(format!("{message}; end what listens there, or choose another port with --port"))
    })?;
    let terminated = termination()?;
    say_python(&server);
    let stop = async {
        terminated.await;
        println!("stopping");
    };
    server.serve(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the questions and prints the answers with their times.
async fn ask(engine: &Engine) -> Result<()> {
    let session = engine.session("demo")?;
    for (title, sql) in QUERIES {
        println!("\n-- {title}\n{sql};");
        let watch = Stopwatch::start();
        let result = session.query(sql).await?;
        let schema = result.schema();
        let batches = result.collect().await?;
        let elapsed = duration(watch.elapsed());
        let style = Style { format: Format::Table, null: None, max_rows: 0, width: None };
        let mut output = Output::Standard;
        let mut sink = output.sink(&style, &schema)?;
        for batch in &batches {
            sink.write(batch)?;
        }
        sink.finish()?;
        println!("time: {elapsed}");
    }
    Ok(())
}

/// Draws the pictures beside the data.
async fn draw(engine: &Engine, folder: &Path) -> Result<()> {
    let session = engine.session("demo")?;
    println!("\n-- Forecasts with their bands and flagged anomalies as pictures");
    for (name, sql) in PICTURES {
        let result = session.query(sql).await?;
        let schema = result.schema();
        let batches = result.collect().await?;
        let path = folder.join(name);
        let mut output = Output::replacing(&path)?;
        let style = Style { format: Format::Svg, null: None, max_rows: 0, width: None };
        let mut sink = output.sink(&style, &schema)?;
        for batch in &batches {
            sink.write(batch)?;
        }
        sink.finish()?;
        output.commit()?;
        println!("{sql};\npicture: {}", path.display());
    }
    Ok(())
}

fn say_python(server: &Server) {
    let address = server.local_address();
    println!(
        "\nServing Arrow Flight SQL on {address}; Ctrl-C ends it.\n\
         In Python, after `pip install adbc-driver-flightsql pyarrow`:\n\n\
         import adbc_driver_flightsql.dbapi as flightsql\n\
         connection = flightsql.connect(\"grpc://{address}\")\n\
         print(connection.cursor().execute(\"{PYTHON_QUERY}\").fetch_arrow_table())\n\n\
         In another terminal: headwater sql --url grpc://{address}"
    );
}

/// Makes the data once. A later run finds it, unless a file is missing or of another size.
fn make(folder: &Path) -> Result<()> {
    let done = folder.join(".complete-2");
    let failed = |e: std::io::Error| {
        Error::invalid(format!("cannot write to {}: {e}; choose a folder with --dir", folder.display()))
    };
    if std::fs::read_to_string(&done).is_ok_and(|list| is_complete(folder, &list)) {
        println!("data: {}", folder.display());
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut list = String::new();
    for (name, batch) in data::tables()? {
        let path = folder.join(format!("{name}.parquet"));
        println!("writing {} ({} rows)", path.display(), batch.num_rows());
        // A file takes its name when it is whole, so that two demos at once do not disturb each other.
        let part = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        data::write(part.path(), &batch)?;
        part.persist(&path).map_err(|e| failed(e.error))?;
        let bytes = std::fs::metadata(&path).map_err(failed)?.len();
        list.push_str(&format!("{name}.parquet {bytes}\n"));
    }
    std::fs::write(done, list).map_err(failed)
}

/// Whether every file of the list is there in its size.
fn is_complete(folder: &Path, list: &str) -> bool {
    let whole = |line: &str| {
        let (name, bytes) = line.split_once(' ')?;
        let found = std::fs::metadata(folder.join(name)).ok()?.len();
        (found.to_string() == bytes).then_some(())
    };
    list.lines().count() > 0 && list.lines().all(|line| whole(line).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_data_is_made_every_time_and_damage_is_noticed() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make(one.path()).unwrap();
        make(two.path()).unwrap();
        for name in ["orders", "customers", "products", "readings"] {
            let read = |folder: &Path| std::fs::read(folder.join(format!("{name}.parquet"))).unwrap();
            assert!(read(one.path()) == read(two.path()), "{name}");
        }
        let list = std::fs::read_to_string(one.path().join(".complete-2")).unwrap();
        assert!(is_complete(one.path(), &list));
        std::fs::write(one.path().join("orders.parquet"), "cut").unwrap();
        assert!(!is_complete(one.path(), &list));
        make(one.path()).unwrap();
        assert!(is_complete(one.path(), &list));
    }
}
