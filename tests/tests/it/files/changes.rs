//! Files that change outside.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::StreamExt;
use headwater_tests::table;

use super::{error, folder, numbers, over, parquet, write};

#[tokio::test(flavor = "multi_thread")]
async fn replaced_appended_added_and_removed_files_are_noticed_at_once() {
    let dir = folder(&[("t.csv", "a\n1\n"), ("d/1.csv", "a\n1\n")]);
    let session = over(dir.path()).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["1"]);
    write(dir.path(), "t.csv", b"a\n2\n");
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["2"]);
    write(dir.path(), "t.csv", b"a\n2\n3\n");
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["2", "3"]);
    assert_eq!(table(&session, "SELECT count(*) FROM f.public.d").await, ["1"]);
    write(dir.path(), "d/2.csv", b"a\n7\n");
    assert_eq!(table(&session, "SELECT * FROM f.public.d").await, ["1", "7"]);
    std::fs::remove_file(dir.path().join("d/1.csv")).unwrap();
    assert_eq!(table(&session, "SELECT * FROM f.public.d").await, ["7"]);
    // Other columns: an error that a retry helps, and then the new ones.
    write(dir.path(), "t.csv", b"a,b\n1,x\n");
    let first = session.query("SELECT * FROM f.public.t").await;
    if let Err(e) = &first {
        assert!(e.is_retryable(), "{e}");
    }
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["1|x"]);
    std::fs::remove_file(dir.path().join("t.csv")).unwrap();
    error(&session, "SELECT * FROM f.public.t").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(table(&session, "SELECT tables FROM system.sources").await.len(), 1);
    error(&session, "SELECT * FROM f.public.t").await;
    write(dir.path(), "new.csv", b"n\n1\n");
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.new").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_replaced_during_a_scan_never_gives_a_mix() {
    let dir = folder(&[]);
    let (old, new) = (parquet(&numbers(0, 400_000), 20_000), parquet(&numbers(1_000_000, 1_400_000), 20_000));
    write(dir.path(), "p.parquet", &old);
    let text = |from: i64| {
        let rows: String = (from..from + 400_000).map(|i| format!("{i},text {i}\n")).collect();
        format!("id,note\n{rows}")
    };
    write(dir.path(), "c.csv", text(0).as_bytes());
    let session = over(dir.path()).await;
    for (name, file, old, new) in
        [("p", "p.parquet", old.clone(), new), ("c", "c.csv", text(0).into_bytes(), text(1_000_000).into_bytes())]
    {
        for in_place in [false, true] {
            write(dir.path(), file, &old);
            let mut stream = session.query(&format!("SELECT id FROM f.public.{name}")).await.unwrap().into_stream();
            let mut ids: Vec<i64> = Vec::new();
            let mut failed = None;
            let mut replaced = false;
            while let Some(batch) = stream.next().await {
                match batch {
                    Ok(batch) => {
                        let column = batch.column(0).as_any().downcast_ref::<arrow::array::Int64Array>().unwrap();
                        ids.extend(column.values());
                    }
                    Err(e) => {
                        failed = Some(headwater_engine::error::classify(e));
                        break;
                    }
                }
                if !replaced {
                    replaced = true;
                    // A file that is written over in place, and one that is put in its place.
                    if in_place {
                        write(dir.path(), file, &new);
                    } else {
                        write(dir.path(), "next.tmp", &new);
                        std::fs::rename(dir.path().join("next.tmp"), dir.path().join(file)).unwrap();
                    }
                }
            }
            assert!(ids.iter().all(|id| *id < 400_000), "{name}: rows of both files");
            match failed {
                Some(e) => assert!(e.is_retryable() && e.to_string().contains(file), "{name}: {e}"),
                None => assert_eq!(ids.len(), 400_000, "{name}: a short result"),
            }
            let sql = format!("SELECT min(id), count(*) FROM f.public.{name}");
            assert_eq!(table(&session, &sql).await, ["1000000|400000"]);
        }
    }
}

/// Replaces `t.parquet` by one version after the other until it is stopped.
struct Replacing {
    ended: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Replacing {
    fn start(folder: &Path, versions: Vec<Vec<u8>>, pause: Duration) -> Self {
        let (root, ended) = (folder.to_owned(), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&ended);
        let writer = std::thread::spawn(move || {
            for version in versions.iter().cycle().skip(1) {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                write(&root, "next.tmp", version);
                std::fs::rename(root.join("next.tmp"), root.join("t.parquet")).unwrap();
                std::thread::sleep(pause);
            }
        });
        Self { ended, writer }
    }

    fn stop(self) {
        self.ended.store(true, Ordering::Relaxed);
        self.writer.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_replacements_under_load_never_give_a_mix() {
    let dir = folder(&[]);
    let versions: Vec<Vec<u8>> = (0..4).map(|v| parquet(&numbers(v * 100_000, v * 100_000 + 50_000), 5_000)).collect();
    write(dir.path(), "t.parquet", &versions[0]);
    let session = over(dir.path()).await;
    let replacing = Replacing::start(dir.path(), versions, Duration::from_millis(60));
    for _ in 0..60 {
        let sql = "SELECT count(*), max(id) - min(id), count(DISTINCT note) FROM f.public.t";
        let read = match session.query(sql).await {
            Ok(result) => result.collect().await,
            Err(e) => Err(e),
        };
        match read {
            Ok(batches) => {
                assert_eq!(headwater_tests::lines(&batches), ["50000|49999|50000"]);
            }
            Err(e) => assert!(e.is_retryable(), "{e}"),
        }
    }
    replacing.stop();
    for left in (0..20).rev() {
        match session.query("SELECT count(*) FROM f.public.t").await {
            Ok(result) => assert_eq!(headwater_tests::lines(&result.collect().await.unwrap()), ["50000"]),
            Err(e) if e.is_retryable() && left > 0 => continue,
            Err(e) => panic!("the file no longer changes: {e}"),
        }
        break;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_all_the_time_can_still_be_read() {
    let dir = folder(&[]);
    let versions: Vec<Vec<u8>> = (0..4).map(|v| parquet(&numbers(v * 1_000, v * 1_000 + 500), 100)).collect();
    write(dir.path(), "t.parquet", &versions[0]);
    let session = over(dir.path()).await;
    let replacing = Replacing::start(dir.path(), versions, Duration::from_millis(20));
    let mut read = 0;
    for _ in 0..100 {
        let sql = "SELECT count(*), max(id) - min(id), min(note) = max(note) FROM f.public.t";
        let rows = match session.query(sql).await {
            Ok(result) => result.collect().await,
            Err(e) => Err(e),
        };
        match rows {
            Ok(batches) => {
                assert_eq!(headwater_tests::lines(&batches), ["500|499|false"]);
                read += 1;
            }
            Err(e) => assert!(e.is_retryable(), "{e}"),
        }
    }
    replacing.stop();
    assert!(read >= 95, "only {read} of 100 queries got their rows");
}
