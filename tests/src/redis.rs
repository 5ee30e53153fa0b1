//! A database of its own on a real Redis server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use headwater_common::config::Options;
use headwater_common::{Error, Limits};
use headwater_engine::Session;

use crate::{engine, server};

/// An answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A text or status.
    Bytes(Vec<u8>),
    /// Several answers.
    List(Vec<Answer>),
    /// An error.
    Error(String),
}

/// A plain connection that speaks version 2 of the protocol.
#[derive(Debug)]
pub struct RedisClient(BufReader<TcpStream>);

impl RedisClient {
    /// Connects to host and port.
    pub fn connect(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"))))
    }

    /// Runs commands in one go; the answers may be errors.
    pub fn ask(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Answer> {
        let mut sent = Vec::new();
        for command in commands {
            sent.extend(format!("*{}\r\n", command.len()).into_bytes());
            for argument in command {
                sent.extend(format!("${}\r\n", argument.len()).into_bytes());
                sent.extend(argument);
                sent.extend(b"\r\n");
            }
        }
        self.0.get_mut().write_all(&sent).expect("a connection");
        commands.iter().map(|_| self.answer()).collect()
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        let (kind, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Answer::Bytes(rest.as_bytes().to_vec()),
            "-" => Answer::Error(rest.to_owned()),
            ":" => Answer::Int(number()),
            "$" if number() < 0 => Answer::Nil,
            "$" => {
                let mut bytes = vec![0; usize::try_from(number()).unwrap() + 2];
                self.0.read_exact(&mut bytes).expect("an answer");
                bytes.truncate(bytes.len() - 2);
                Answer::Bytes(bytes)
            }
            "*" if number() < 0 => Answer::Nil,
            "*" => Answer::List((0..number()).map(|_| self.answer()).collect()),
            other => panic!("an answer that begins with {other}"),
        }
    }

    /// Runs a command of words; an error fails the test.
    pub fn run(&mut self, words: &[&str]) -> Answer {
        match self.ask(&[words.iter().map(|w| w.as_bytes().to_vec()).collect()]).remove(0) {
            Answer::Error(e) => panic!("{words:?}: {e}"),
            other => other,
        }
    }
}

/// A database of the server that no other test uses, empty at the start and at the end.
#[derive(Debug)]
pub struct RedisDatabase {
    number: u32,
}

impl RedisDatabase {
    /// Takes a free database and fills it with commands, one a line, whose words are separated by spaces.
    pub fn create(commands: &str) -> Self {
        let mut client = RedisClient::connect(&address());
        let number = loop {
            let taken = (1..16).find(|n| {
                let lease = format!("headwater-tests:lease:{n}");
                client.run(&["SET", &lease, "taken", "NX", "PX", "1800000"]) != Answer::Nil
            });
            match taken {
                Some(number) => break number,
                None => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let database = Self { number };
        let mut client = database.client();
        client.run(&["FLUSHDB"]);
        for line in commands.lines().map(str::trim).filter(|l| !l.is_empty()) {
            client.run(&line.split(' ').collect::<Vec<_>>());
        }
        database
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// A connection to it.
    pub fn client(&self) -> RedisClient {
        let mut client = RedisClient::connect(&address());
        client.run(&["SELECT", &self.number.to_string()]);
        client
    }

    /// How often the server has run any of some commands, in lower case, for whomever.
    pub fn called(&self, commands: &[&str]) -> u64 {
        let Answer::Bytes(text) = self.client().run(&["INFO", "commandstats"]) else { panic!("no statistics") };
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|l| commands.iter().any(|c| l.starts_with(&format!("cmdstat_{c}:calls="))));
        lines.map(|l| l.split("calls=").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Options of a source that shows it.
    pub fn options(&self) -> Options {
        self.options_at(&address())
    }

    /// The same by another way to the server.
    pub fn options_at(&self, address: &str) -> Options {
        Options::new().with("url", format!("redis://{address}/{}", self.number))
    }

    /// A session in which it is the source `r`.
    pub async fn session(&self) -> Session {
        session_with(&self.options()).await
    }
}

/// A session with the source `r` of these options.
pub async fn session_with(options: &Options) -> Session {
    try_session_with(options).await.expect("a source")
}

/// The same; an error when the source cannot be made.
pub async fn try_session_with(options: &Options) -> Result<Session, Error> {
    let engine = engine(Limits::default()).await;
    engine.create_source("r", "redis", options).await?;
    engine.session("test")
}

/// The rows of a query over a source with these options.
pub async fn try_rows(options: &Options, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    try_session_with(options).await?.query(sql).await?.collect().await
}

impl Drop for RedisDatabase {
    fn drop(&mut self) {
        self.client().run(&["FLUSHDB"]);
        RedisClient::connect(&address()).run(&["DEL", &format!("headwater-tests:lease:{}", self.number)]);
    }
}

/// Host and port of the server.
pub fn address() -> String {
    let url = server("TEST_REDIS_URL");
    url.trim_start_matches("redis://").trim_end_matches('/').to_owned()
}
