//! The record of all that crossed the simulated wires: in memory for one test's
//! eyes, or in a file, one JSON object a line, to be checked afterwards.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Face, Reply},
    counters::Operation,
    route::Route,
    tenant::lock,
};

/// Headers that carry credentials; never kept.
const SECRET: [&str; 3] = ["authorization", "x-goog-gmail-access-token", "cookie"];

/// One request and its answer, as they crossed the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exchange {
    /// The service.
    pub face: Face,
    /// The kind of call.
    pub operation: Operation,
    /// HTTP method.
    pub method: String,
    /// Path and query, without the base; `$batch` parts with `/v1.0` in front.
    pub target: String,
    /// Request headers, names in lower case, credentials left out.
    pub request_headers: Vec<(String, String)>,
    /// Request body.
    #[serde(with = "base64")]
    pub request_body: Bytes,
    /// HTTP status.
    pub status: u16,
    /// Response headers.
    pub response_headers: Vec<(String, String)>,
    /// Response body.
    #[serde(with = "base64")]
    pub response_body: Bytes,
    /// Whether it is a part of a `$batch`.
    pub part: bool,
    /// Whether a scripted fault changed it.
    pub faulted: bool,
}

/// The record of a simulated world.
pub type Record = Arc<Mutex<Vec<Exchange>>>;

/// Where exchanges are kept.
pub(super) struct Recorder {
    pub(super) memory: Option<Record>,
    file: Option<Mutex<File>>,
}

impl Recorder {
    /// Keeps them in memory, in a file (appended to), in both or nowhere.
    pub(super) fn new(memory: bool, file: Option<&Path>) -> io::Result<Self> {
        let open = |path| File::options().append(true).create(true).open(path);
        Ok(Self {
            memory: memory.then(Record::default),
            file: file.map(open).transpose()?.map(Mutex::new),
        })
    }

    pub(super) fn keep(&self, call: &Call, route: Route, reply: &Reply, faulted: bool) {
        if self.memory.is_none() && self.file.is_none() {
            return;
        }
        let sign_in = matches!(route.face, Face::Entra | Face::GoogleAuth);
        let body = |body: &Bytes| if sign_in { Bytes::new() } else { body.clone() };
        let exchange = Exchange {
            face: route.face,
            operation: route.operation,
            method: call.method.clone(),
            target: call.target.clone(),
            request_headers: call
                .headers
                .iter()
                .filter(|(name, _)| !SECRET.contains(&name.as_str()))
                .cloned()
                .collect(),
            request_body: body(&call.body),
            status: reply.status,
            response_headers: reply.headers.clone(),
            response_body: body(&reply.body),
            part: call.part,
            faulted,
        };
        if let Some(file) = &self.file
            && let Ok(mut line) = serde_json::to_vec(&exchange)
        {
            line.push(b'\n');
            // A record that cannot be written must not pass for a shorter one.
            if let Err(error) = lock(file).write_all(&line) {
                tracing::error!(%error, "the record of exchanges is cut short");
            }
        }
        if let Some(memory) = &self.memory {
            lock(memory).push(exchange);
        }
    }
}

/// Bodies as base64, since they need not be text.
mod base64 {
    use ::base64::{Engine as _, engine::general_purpose::STANDARD};
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(D::Error::custom)
    }
}
