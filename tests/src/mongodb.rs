//! A database of its own on a real server of MongoDB's protocol.

use bson::{Document, doc};
use headwater_common::config::Options;
use headwater_engine::Session;
use mongodb::Client;

use crate::{engine, server};

/// A database of its own, dropped at the end.
#[derive(Debug)]
pub struct MongoDatabase {
    name: String,
}

impl MongoDatabase {
    /// A new database with these collections and their documents.
    pub async fn create(collections: &[(&str, Vec<Document>)]) -> Self {
        let database = Self { name: format!("hw_test_{:016x}", rand::random::<u64>()) };
        for (collection, documents) in collections {
            database.insert(collection, documents).await;
        }
        database
    }

    /// A new database, filled by statements `db.NAME.insertMany([...]);` of MongoDB's shell.
    pub async fn from_shell(text: &str) -> Self {
        let database = Self::create(&[]).await;
        for statement in text.split(");").map(str::trim).filter(|s| !s.is_empty()) {
            let parts = statement.strip_prefix("db.").and_then(|s| s.split_once(".insertMany("));
            let (collection, documents) = parts.unwrap_or_else(|| panic!("{statement} is not db.NAME.insertMany([...])"));
            let documents: Vec<Document> = serde_json::from_str(documents).unwrap_or_else(|e| panic!("{documents}: {e}"));
            database.insert(collection, &documents).await;
        }
        database
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Inserts documents directly.
    pub async fn insert(&self, collection: &str, documents: &[Document]) {
        let client = client().await;
        let collection = client.database(&self.name).collection::<Document>(collection);
        for part in documents.chunks(5_000) {
            collection.insert_many(part).await.expect("documents");
        }
    }

    /// Runs a command directly.
    pub async fn run(&self, command: Document) -> Document {
        let shown = command.to_string();
        client().await.database(&self.name).run_command(command).await.unwrap_or_else(|e| panic!("{shown}: {e}"))
    }

    /// All documents of a collection, by `_id`, directly.
    pub async fn documents(&self, collection: &str) -> Vec<Document> {
        use futures::TryStreamExt;
        let client = client().await;
        let collection = client.database(&self.name).collection::<Document>(collection);
        collection.find(doc! {}).sort(doc! { "_id": 1 }).await.expect("documents").try_collect().await.expect("documents")
    }

    /// Options of a source that shows this database only.
    pub fn options(&self) -> Options {
        Options::new().with("url", server("TEST_MONGO_URL")).with("databases", &self.name)
    }

    /// A session in which it is the source `mg`.
    pub async fn session(&self) -> Session {
        self.session_with(&self.options()).await
    }

    /// The same with other options.
    pub async fn session_with(&self, options: &Options) -> Session {
        let engine = engine(headwater_common::Limits::default()).await;
        engine.create_source("mg", "mongodb", options).await.expect("a source");
        engine.session("test").expect("a session")
    }
}

impl Drop for MongoDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            #[allow(clippy::disallowed_methods, reason = "a thread of its own, outside any runtime")]
            let _ = runtime.block_on(async { client().await.database(&name).drop().await });
        });
        let _ = dropper.join();
    }
}

async fn client() -> Client {
    Client::with_uri_str(server("TEST_MONGO_URL")).await.expect("a server of MongoDB's protocol")
}

/// Host and port of the server.
pub fn address() -> String {
    let url = server("TEST_MONGO_URL");
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}
