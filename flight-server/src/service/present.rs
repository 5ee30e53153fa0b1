//! Whether a client is still there when its messages end.
//!
//! A client that leaves in the middle of an upload ends the body of its call as one does that has sent everything. The transport
//! finds out which of them it was when the call waits the next time, and drops it then: so the end of the messages counts only
//! after the call has waited once.

use std::convert::Infallible;
use std::future::{Future, pending, ready};

use arrow_flight::FlightData;
use futures::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tonic::{Status, Streaming};

/// The messages of a call, which end with an error when the client has left; and what the call waits for beside its work.
pub(super) fn confirmed(
    data: Streaming<FlightData>,
) -> (impl Stream<Item = Result<FlightData, Status>> + Send + 'static, impl Future<Output = Infallible> + Send) {
    let (ended, end) = oneshot::channel::<oneshot::Sender<()>>();
    let last = async move {
        let (seen, answer) = oneshot::channel();
        let there = ended.send(seen).is_ok() && answer.await.is_ok();
        (!there).then(|| Err(Status::cancelled("the client left before its messages ended")))
    };
    let confirm = async move {
        if let Ok(seen) = end.await {
            tokio::task::yield_now().await;
            // Who asked may be gone.
            let _ = seen.send(());
        }
        pending().await
    };
    (data.chain(stream::once(last).filter_map(ready)), confirm)
}
