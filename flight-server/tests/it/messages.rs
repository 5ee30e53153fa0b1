//! Size of messages.

use futures::StreamExt;
use headwater_common::config::Config;

use crate::{client, raw, start};

#[tokio::test(flavor = "multi_thread")]
async fn every_message_stays_below_four_mebibytes() {
    let running = start(Config::default()).await;
    let sql = "SELECT value, repeat('x', CAST(value % 1000 AS int)) s, [repeat('y', CAST(value % 700 AS int))] l, \
        repeat('z', CASE WHEN value = 777 THEN 3000000 ELSE 1 END) wide FROM generate_series(1, 20000)";
    let mut client = client(&running).await;
    let info = client.execute(sql.into(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut raw = raw(&running).await;
    // Without users, a session belongs to its connection.
    let foreign = raw.do_get(ticket).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::NotFound, "another connection's ticket: {foreign}");
    let info = client.execute(sql.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap().into_inner();
    let (mut rows, mut largest) = (0, 0);
    while let Some(item) = stream.next().await {
        let decoded = item.unwrap();
        largest = largest.max(prost::Message::encoded_len(&decoded.inner));
        if let arrow_flight::decode::DecodedPayload::RecordBatch(batch) = decoded.payload {
            rows += batch.num_rows();
        }
    }
    assert_eq!(rows, 20_000);
    assert!((1 << 20..=4 << 20).contains(&largest), "{largest}");
}
