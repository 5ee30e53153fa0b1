//! `headwater demo`: a small shop, a few telling queries, and a server to try them on.

mod data;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arrow::util::pretty::pretty_format_batches;
use headwater_common::clock::Stopwatch;
use headwater_common::config::{Config, Options, SourceConfig};
use headwater_common::{Error, Result};

use crate::args::DemoArgs;
use crate::interrupt::termination;

/// What the demo asks, each with what it shows.
pub(crate) const QUERIES: &[(&str, &str)] = &[
    (
        "Revenue of the last months",
        "SELECT date_trunc('month', ordered_at) AS month, count(*) AS orders, sum(amount) AS revenue\n\
         FROM shop.public.orders GROUP BY 1 ORDER BY 1 DESC LIMIT 4",
    ),
    (
        "The best customers, a join of two tables",
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
        "Readings far from their mean of a day around them",
        "SELECT sensor, at, value, mean FROM (SELECT sensor, at, value,\n\
           round(avg(value) OVER (PARTITION BY sensor ORDER BY at ROWS BETWEEN 12 PRECEDING AND 12 FOLLOWING), 2) AS mean\n\
         FROM shop.public.readings) WHERE abs(value - mean) > 25 ORDER BY abs(value - mean) DESC, at LIMIT 5",
    ),
];

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
    let session = engine.session("demo")?;
    for (title, sql) in QUERIES {
        println!("\n-- {title}\n{sql};");
        let watch = Stopwatch::start();
        let batches = session.query(sql).await?.collect().await?;
        let elapsed = watch.elapsed_ms();
        let text = pretty_format_batches(&batches).map_err(|e| Error::internal(e.to_string()))?;
        println!("{text}\n{elapsed} ms");
    }
    if args.no_serve {
        return Ok(ExitCode::SUCCESS);
    }
    let server = headwater_flight_server::Server::bind(engine, &server_config)
        .await
        .map_err(|e| Error::configuration(format!("{}, or another port with --port", e.message())))?;
    let address = server.local_address();
    println!(
        "\nServing Arrow Flight SQL on {address}; Ctrl-C ends it. In Python (pip install adbc-driver-flightsql pyarrow):\n\n\
         import adbc_driver_flightsql.dbapi as flightsql\n\
         cursor = flightsql.connect(\"grpc://{address}\").cursor()\n\
         print(cursor.execute(\"SELECT * FROM shop.public.orders LIMIT 5\") or cursor.fetch_arrow_table())\n"
    );
    let stop = async {
        if let Err(e) = termination().await {
            tracing::error!(error = %e, "stopping");
        }
    };
    server.serve(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the data once; a second run finds it.
fn make(folder: &Path) -> Result<()> {
    let done = folder.join(".complete-1");
    if done.exists() {
        println!("data: {}", folder.display());
        return Ok(());
    }
    let failed = |e: std::io::Error| {
        Error::invalid(format!("cannot write to {}: {e}; choose a folder with --dir", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, batch) in data::tables()? {
        let path: PathBuf = folder.join(format!("{name}.parquet"));
        println!("writing {} ({} rows)", path.display(), batch.num_rows());
        data::write(&path, &batch)?;
    }
    std::fs::write(done, "").map_err(failed)
}
