//! Gmail and the Directory API against their discovery documents.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};
use unhook::sim::Exchange;

use super::{
    exchange::{Checked, header, line, matched, media, query, segments, typed},
    multipart,
    schema::{Schemas, formatted, reference},
};

/// Some discovery documents.
pub struct Google(Vec<Document>);

struct Document {
    methods: Vec<Value>,
    /// Parameters that every method takes.
    common: Map<String, Value>,
    named: Map<String, Value>,
    schemas: Schemas,
}

/// How a request reached a method.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Plain,
    Simple,
    Resumable,
}

struct Found<'a> {
    document: &'a Document,
    method: &'a Value,
    way: Way,
    path: BTreeMap<String, String>,
}

/// What the discovery documents leave out: the form of a refusal, from
/// <https://developers.google.com/workspace/gmail/api/guides/handle-errors> and
/// `google.rpc.Status` as the REST gateways render it.
fn refusal() -> Value {
    let text = json!({"type": "string"});
    let error = json!({
        "type": "object", "required": ["domain", "reason", "message"],
        "properties": {"domain": text, "reason": text, "message": text,
                       "location": text, "locationType": text},
        "additionalProperties": false,
    });
    json!({
        "type": "object", "required": ["error"], "additionalProperties": false,
        "properties": {"error": {
            "type": "object", "required": ["code", "message"], "additionalProperties": false,
            "properties": {
                "code": {"type": "integer", "minimum": 400, "maximum": 599},
                "message": text, "status": text,
                "errors": {"type": "array", "items": error, "minItems": 1},
            },
        }},
    })
}

impl Google {
    pub fn open(files: &[impl AsRef<Path>]) -> Self {
        let open = |file: &Path| {
            let text = std::fs::read(file).expect("the description");
            Document::new(&serde_json::from_slice(&text).expect("JSON"))
        };
        Self(files.iter().map(|file| open(file.as_ref())).collect())
    }

    pub fn check(&self, exchange: &Exchange) -> Checked {
        let Some(found) = self.find(exchange) else {
            return Checked::unknown(exchange);
        };
        let mut wrong = found.parameters(exchange);
        wrong.extend(found.request(exchange));
        if !exchange.faulted {
            wrong.extend(found.response(exchange));
        }
        let at = line(exchange);
        Checked {
            operation: found.id().to_owned(),
            wrong: wrong.into_iter().map(|w| format!("{at}: {w}")).collect(),
        }
    }

    fn find(&self, exchange: &Exchange) -> Option<Found<'_>> {
        let path = segments(&exchange.target);
        let methods = self
            .0
            .iter()
            .flat_map(|document| document.methods.iter().map(move |m| (document, m)));
        methods
            .filter(|(_, method)| method["httpMethod"] == *exchange.method)
            .flat_map(|(document, method)| ways(method).map(move |(w, t)| (document, method, w, t)))
            .filter_map(|(document, method, way, template)| {
                let (literals, path) = matched(template, &path)?;
                let found = Found {
                    document,
                    method,
                    way,
                    path,
                };
                Some((literals, found))
            })
            .max_by_key(|(literals, _)| *literals)
            .map(|(_, found)| found)
    }
}

/// The paths under which a method is reached.
fn ways(method: &Value) -> impl Iterator<Item = (Way, &str)> {
    let upload = |kind: &str| method["mediaUpload"]["protocols"][kind]["path"].as_str();
    [
        (Way::Plain, method["flatPath"].as_str()),
        (Way::Simple, upload("simple")),
        (Way::Resumable, upload("resumable")),
    ]
    .into_iter()
    .filter_map(|(way, path)| Some((way, path?)))
}

impl Document {
    fn new(document: &Value) -> Self {
        assert_eq!(document["servicePath"], "", "paths are whole");
        let named = document["schemas"].as_object().expect("schemas").clone();
        let schemas = named
            .iter()
            .map(|(name, schema)| (name.clone(), convert(schema, "")));
        let schemas = Schemas::new(schemas.collect());
        let mut methods = Vec::new();
        gather(document, &mut methods);
        Self {
            methods,
            common: document["parameters"].as_object().expect("some").clone(),
            named,
            schemas,
        }
    }
}

fn gather(resource: &Value, into: &mut Vec<Value>) {
    let of = |name: &str| resource[name].as_object().into_iter().flatten();
    into.extend(of("methods").map(|(_, method)| method.clone()));
    for (_, inner) in of("resources") {
        gather(inner, into);
    }
}

/// A discovery schema to JSON Schema. Objects are closed, so that a member that
/// is not named is a violation. `method` makes the members required that are
/// annotated so for it.
fn convert(schema: &Value, method: &str) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return reference(name);
    }
    let kind = schema["type"].as_str().expect("a type");
    if kind == "any" {
        return json!({});
    }
    let mut out = Map::new();
    out.insert("type".to_owned(), json!(kind));
    match schema["format"].as_str() {
        // "base64-encoded ... with a URL and filename safe alphabet":
        // https://developers.google.com/discovery/v1/type-format
        Some("byte") => formatted(kind, "base64url", &mut out),
        Some("google-datetime") => formatted(kind, "date-time", &mut out),
        // A list of member names; has no form of its own in JSON.
        Some("google-fieldmask") | None => {}
        Some(format) => formatted(kind, format, &mut out),
    }
    for word in ["enum", "pattern"] {
        if let Some(value) = schema.get(word) {
            out.insert(word.to_owned(), value.clone());
        }
    }
    // Discovery writes bounds as text.
    for word in ["minimum", "maximum"] {
        let bound = schema[word]
            .as_str()
            .and_then(|text| text.parse::<i64>().ok());
        if let Some(bound) = bound {
            out.insert(word.to_owned(), json!(bound));
        }
    }
    if let Some(items) = schema.get("items") {
        out.insert("items".to_owned(), convert(items, method));
    }
    if kind == "object" {
        let named = schema["properties"].as_object();
        let properties: Map<String, Value> = named
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), convert(schema, "")))
            .collect();
        let required = named.into_iter().flatten().filter(|(_, schema)| {
            let methods = schema["annotations"]["required"].as_array();
            methods.into_iter().flatten().any(|id| *id == *method)
        });
        let required: Vec<&String> = required.map(|(name, _)| name).collect();
        if !required.is_empty() {
            out.insert("required".to_owned(), json!(required));
        }
        out.insert("properties".to_owned(), Value::Object(properties));
        let rest = schema.get("additionalProperties");
        let rest = rest.map_or(json!(false), |rest| convert(rest, ""));
        out.insert("additionalProperties".to_owned(), rest);
    }
    Value::Object(out)
}

impl Found<'_> {
    fn id(&self) -> &str {
        self.method["id"].as_str().expect("an id")
    }

    fn parameters(&self, exchange: &Exchange) -> Vec<String> {
        let own = self.method["parameters"].as_object();
        let own = own.into_iter().flatten();
        let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
        known.extend(self.document.common.iter().map(|(n, p)| (n.as_str(), p)));
        known.extend(own.map(|(name, parameter)| (name.as_str(), parameter)));
        let mut given = query(&exchange.target);
        let mut wrong = Vec::new();
        for (name, parameter) in known {
            let values = match parameter["location"].as_str() {
                Some("path") => self.path.get(name).cloned().into_iter().collect(),
                _ => given.remove(name).unwrap_or_default(),
            };
            if parameter["required"] == true && values.is_empty() {
                wrong.push(format!("parameter {name} is missing"));
            }
            if parameter["repeated"] != true && values.len() > 1 {
                wrong.push(format!("parameter {name} is given twice"));
            }
            for value in values {
                wrong.extend(self.parameter(name, &value, parameter));
            }
        }
        wrong.extend(given.keys().map(|name| format!("unknown parameter {name}")));
        wrong
    }

    fn parameter(&self, name: &str, value: &str, parameter: &Value) -> Vec<String> {
        let kind = parameter["type"].as_str().expect("a type");
        let Some(typed) = typed(kind, value) else {
            return vec![format!("parameter {name}: {value:?} is not of type {kind}")];
        };
        let wrong = self.document.schemas.wrong(&convert(parameter, ""), &typed);
        wrong
            .into_iter()
            .map(|wrong| format!("parameter {name}: {wrong}"))
            .collect()
    }

    fn request(&self, exchange: &Exchange) -> Vec<String> {
        let body = exchange.request_body.as_ref();
        let kind = media(&exchange.request_headers);
        let upload = query(&exchange.target).remove("uploadType");
        let upload = upload.as_deref().and_then(<[String]>::first);
        match (self.way, upload.map(String::as_str)) {
            (Way::Plain, None) => self.json(&kind, body, true),
            // https://developers.google.com/workspace/gmail/api/guides/uploads
            (Way::Simple, Some("media")) => self.accepted(&kind),
            (Way::Simple, Some("multipart")) => {
                let whole = header(&exchange.request_headers, "content-type").unwrap_or_default();
                let Some(parts) = multipart::parts(whole, body) else {
                    return vec!["request: not multipart/related".to_owned()];
                };
                let [(first, metadata), (second, _)] = parts.as_slice() else {
                    return vec![format!("request: {} parts, not two", parts.len())];
                };
                let mut wrong = self.json(first, metadata, false);
                wrong.extend(self.accepted(second));
                wrong
            }
            (Way::Resumable, Some("resumable")) if body.is_empty() => Vec::new(),
            (Way::Resumable, Some("resumable")) => self.json(&kind, body, false),
            (_, upload) => vec![format!("request: uploadType {upload:?} on this path")],
        }
    }

    /// `whole` when the message itself is to stand in the body, not beside it.
    fn json(&self, kind: &str, body: &[u8], whole: bool) -> Vec<String> {
        let Some(name) = self.method["request"]["$ref"].as_str() else {
            return match body.is_empty() {
                true => Vec::new(),
                false => vec!["request: a body where none is described".to_owned()],
            };
        };
        if kind != "application/json" {
            return vec![format!("request: media type {kind:?}")];
        }
        let method = if whole { self.id() } else { "" };
        let schema = convert(&self.document.named[name], method);
        self.instance("request", &schema, body)
    }

    fn accepted(&self, kind: &str) -> Vec<String> {
        let accept = self.method["mediaUpload"]["accept"].as_array();
        let good = accept.into_iter().flatten().any(|pattern| {
            let pattern = pattern.as_str().unwrap_or_default();
            let stem = pattern.strip_suffix('*').unwrap_or(pattern);
            kind.starts_with(stem)
        });
        match good {
            true => Vec::new(),
            false => vec![format!("request: {kind:?} is not accepted for upload")],
        }
    }

    fn response(&self, exchange: &Exchange) -> Vec<String> {
        let status = exchange.status;
        let which = format!("response {status}");
        let body = exchange.response_body.as_ref();
        let is_json = media(&exchange.response_headers) == "application/json";
        match (status, self.method["response"]["$ref"].as_str()) {
            // The session of a resumable upload is opened without a resource.
            (200, _) if self.way == Way::Resumable && body.is_empty() => {
                match header(&exchange.response_headers, "location") {
                    Some(_) => Vec::new(),
                    None => vec![format!("{which}: no session")],
                }
            }
            (200 | 204, None) if body.is_empty() => Vec::new(),
            (200, Some(name)) if is_json => self.instance(&which, &reference(name), body),
            (400..=599, _) if is_json => {
                let mut wrong = self.instance(&which, &refusal(), body);
                let said: Value = serde_json::from_slice(body).unwrap_or_default();
                if said["error"]["code"] != status {
                    wrong.push(format!("{which}: another code in the body"));
                }
                wrong
            }
            _ => vec![format!("{which}: status or media type is not described")],
        }
    }

    fn instance(&self, which: &str, schema: &Value, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice(body) {
            Err(error) => vec![format!("{which}: not JSON: {error}")],
            Ok(instance) => {
                let wrong = self.document.schemas.wrong(schema, &instance);
                let named = wrong.into_iter().map(|wrong| format!("{which}: {wrong}"));
                named.collect()
            }
        }
    }
}
