//! A scan of many keys streams: what is read waits for whoever takes the rows.

use std::sync::atomic::Ordering;
use std::time::Duration;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use futures::StreamExt;
use headwater_common::ErrorKind;
use headwater_tests::proxy;
use headwater_tests::redis::{RedisClient, RedisDatabase, address, session_with};

const KEYS: usize = 1_000_000;

fn fill(client: &mut RedisClient) {
    let set = |i: usize| vec![b"SET".to_vec(), format!("big:{i}").into_bytes(), b"value".to_vec()];
    for chunk in 0..KEYS / 10_000 {
        client.ask(&(chunk * 10_000..(chunk + 1) * 10_000).map(set).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_keys_are_read_as_a_stream_and_remembered_within_a_limit() {
    let database = RedisDatabase::create("");
    fill(&mut database.client());
    let (port, trips) = proxy::counting(address()).await;
    let options = database.options_at(&format!("127.0.0.1:{port}")).with("discover", "false").with("scan_count", "2000");
    let options = options.with("tables.big.key", "big:{id}").with("tables.big.type", "string");
    let session = session_with(&options.with("tables.big.columns", "id BIGINT, value TEXT")).await;
    let mut stream = session.query("SELECT id, value FROM r.public.big").await.unwrap().into_stream();
    let first = stream.next().await.unwrap().unwrap();
    // Nobody takes the next rows, so nothing more is read than what is on its way.
    let mut ahead = 0;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = trips.load(Ordering::Acquire);
        if now == ahead {
            break;
        }
        ahead = now;
    }
    assert_eq!(trips.load(Ordering::Acquire), ahead, "it reads on without anyone");
    let mut batches = vec![first];
    let (mut rows, mut sum, mut largest) = (0, 0_i64, 0);
    while let Some(batch) = batches.pop() {
        rows += batch.num_rows();
        largest = largest.max(batch.num_rows());
        sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
        batches.extend(stream.next().await.map(|batch| batch.unwrap()));
    }
    let all = KEYS as i64;
    assert_eq!((rows, sum), (KEYS, all * (all - 1) / 2));
    let total = trips.load(Ordering::Acquire);
    assert!(
        ahead * 20 < total && largest <= 20_000,
        "{ahead} of {total} round trips for the first rows, {largest} in a batch"
    );
    // What tells keys that come twice from others has a limit too.
    session.query("SET limits.query_memory_bytes = 4000000").await.unwrap();
    let error = session.query("SELECT value FROM r.public.big").await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert!(error.to_string().contains("limits.query_memory_bytes"), "{error}");
}
