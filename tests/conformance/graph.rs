//! Microsoft Graph against its OpenAPI description.

use std::{collections::BTreeSet, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use unhook::sim::Exchange;

use super::{
    exchange::{Checked, header, line, matched, media, query, segments, typed},
    openapi::{components, convert, told_apart},
    schema::{Schemas, last},
};

pub struct Graph {
    description: Value,
    schemas: Schemas,
}

/// An operation of the description with the parameters of its path.
struct Operation<'a> {
    body: &'a Value,
    name: String,
}

impl Graph {
    pub fn open(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("the description");
        let description: Value = serde_yaml_ng::from_str(&text).expect("YAML");
        let mut named = components(&description);
        told_apart(&mut named, &description, "microsoft.graph.directoryObject");
        let schemas = Schemas::new(named);
        Self {
            description,
            schemas,
        }
    }

    pub fn check(&self, exchange: &Exchange) -> Checked {
        let Some(operation) = self.operation(exchange) else {
            return Checked::unknown(exchange);
        };
        let mut wrong = self.parameters(&operation, exchange);
        wrong.extend(headers(&operation, exchange));
        wrong.extend(self.request(&operation, exchange));
        if !exchange.faulted {
            wrong.extend(self.response(&operation, exchange));
        }
        let at = line(exchange);
        Checked {
            operation: operation.name,
            wrong: wrong.into_iter().map(|w| format!("{at}: {w}")).collect(),
        }
    }

    /// The operation whose path has the most literal segments.
    fn operation(&self, exchange: &Exchange) -> Option<Operation<'_>> {
        let path = segments(&exchange.target);
        let (version, path) = path.split_first()?;
        if *version != "v1.0" {
            return None;
        }
        let paths = self.description["paths"].as_object().expect("paths");
        let (_, template, item) = paths
            .iter()
            .filter_map(|(template, item)| Some((matched(template, path)?.0, template, item)))
            .max_by_key(|(literals, ..)| *literals)?;
        let body = item.get(exchange.method.to_lowercase())?;
        let name = format!("graph {} {template}", exchange.method);
        Some(Operation { body, name })
    }

    fn parameters(&self, operation: &Operation<'_>, exchange: &Exchange) -> Vec<String> {
        let known: Vec<&Value> = parameters(operation, "query").collect();
        let pages = known.iter().any(|known| known["name"] == "$top");
        let mut wrong = Vec::new();
        for (name, values) in query(&exchange.target) {
            let [value] = values.as_slice() else {
                wrong.push(format!("parameter {name} is given twice"));
                continue;
            };
            let Some(known) = known.iter().find(|known| known["name"] == *name) else {
                // The description names it on few operations only, but any
                // collection's `@odata.nextLink` carries it, and that URL is to
                // be used as it is: https://learn.microsoft.com/graph/paging
                if !(pages && name == "$skiptoken" && !value.is_empty()) {
                    wrong.push(format!("unknown parameter {name}"));
                }
                continue;
            };
            wrong.extend(self.parameter(operation, &name, value, &known["schema"]));
        }
        wrong
    }

    fn parameter(
        &self,
        operation: &Operation<'_>,
        name: &str,
        value: &str,
        schema: &Value,
    ) -> Vec<String> {
        let kind = schema["type"].as_str().unwrap_or("string");
        if kind != "array" {
            let Some(typed) = typed(kind, value) else {
                return vec![format!("parameter {name}: {value:?} is not of type {kind}")];
            };
            let wrong = self.schemas.wrong(&self.json(schema), &typed);
            return wrong
                .into_iter()
                .map(|w| format!("parameter {name}: {w}"))
                .collect();
        }
        let members = self.members(operation);
        listed(value)
            .into_iter()
            .filter_map(|item| {
                let property = item
                    .split(['(', '/', ' '])
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let known = members.contains(&property);
                (!known).then(|| format!("parameter {name}: no property {property:?}"))
            })
            .collect()
    }

    /// Properties of what the operation gives, or of each item of the list that
    /// it gives: what `$select`, `$expand` and `$orderby` may name.
    fn members(&self, operation: &Operation<'_>) -> BTreeSet<String> {
        let responses = operation.body["responses"].as_object().expect("responses");
        let good = responses.iter().find(|(status, _)| status.starts_with('2'));
        let schema =
            good.map(|(_, good)| self.json(&good["content"]["application/json"]["schema"]));
        let schema = schema.unwrap_or_default();
        let mut entity = self.schemas.resolved(&schema);
        if let Some(items) = entity.pointer("/properties/value/items") {
            entity = self.schemas.resolved(items);
        }
        let properties = entity.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn request(&self, operation: &Operation<'_>, exchange: &Exchange) -> Vec<String> {
        let body = &exchange.request_body;
        let Some(described) = operation.body.get("requestBody") else {
            return match body.is_empty() {
                true => Vec::new(),
                false => vec!["request: a body where none is described".to_owned()],
            };
        };
        if body.is_empty() {
            return match described["required"] == true {
                true => vec!["request: the body is missing".to_owned()],
                false => Vec::new(),
            };
        }
        let mut schema = described.clone();
        if described["description"] == "Action parameters" {
            both_cases(&mut schema);
        }
        let media = media(&exchange.request_headers);
        self.body("request", &schema["content"], &media, body)
    }

    fn response(&self, operation: &Operation<'_>, exchange: &Exchange) -> Vec<String> {
        let status = exchange.status.to_string();
        let range = format!("{}XX", exchange.status / 100);
        let responses = &operation.body["responses"];
        let described = responses.get(&status).or_else(|| responses.get(&range));
        let Some(mut described) = described else {
            return vec![format!("response: status {status} is not described")];
        };
        if let Some(name) = described["$ref"].as_str() {
            described = &self.description["components"]["responses"][last(name)];
        }
        let body = &exchange.response_body;
        let Some(content) = described.get("content") else {
            return match body.is_empty() {
                true => Vec::new(),
                false => vec![format!("response {status}: a body where none is described")],
            };
        };
        let media = media(&exchange.response_headers);
        self.body(&format!("response {status}"), content, &media, body)
    }

    fn body(&self, which: &str, content: &Value, media: &str, body: &[u8]) -> Vec<String> {
        let Some(described) = content.get(media) else {
            return vec![format!("{which}: media type {media:?} is not described")];
        };
        let schema = &described["schema"];
        if media != "application/json" {
            let encoded = schema["format"] == "byte";
            return match encoded && STANDARD.decode(body).is_err() {
                true => vec![format!("{which}: not base64")],
                false => Vec::new(),
            };
        }
        match serde_json::from_slice(body) {
            Err(error) => vec![format!("{which}: not JSON: {error}")],
            Ok(instance) => self
                .schemas
                .wrong(&self.json(schema), &instance)
                .into_iter()
                .map(|wrong| format!("{which}: {wrong}"))
                .collect(),
        }
    }

    fn json(&self, schema: &Value) -> Value {
        let all = self.description["components"]["schemas"].as_object();
        convert(schema, all.expect("schemas"))
    }
}

fn parameters<'a>(operation: &'a Operation<'_>, place: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = operation.body["parameters"].as_array();
    all.into_iter().flatten().filter(move |p| p["in"] == place)
}

/// Headers that are parameters of some operation must be parameters of this one.
fn headers(operation: &Operation<'_>, exchange: &Exchange) -> Vec<String> {
    ["ConsistencyLevel", "Prefer", "If-Match"]
        .into_iter()
        .filter_map(|name| {
            let value = header(&exchange.request_headers, name)?;
            let known = parameters(operation, "header").any(|p| p["name"] == name);
            // The description names `Prefer` where the metadata does; that ids
            // are to be immutable is said with every Outlook request, those to
            // come and go by `move` among them, and elsewhere it is ignored:
            // https://learn.microsoft.com/graph/outlook-immutable-id
            let ids = name == "Prefer" && value == "IdType=\"ImmutableId\"";
            let good = match name {
                "ConsistencyLevel" => known && value == "eventual",
                "Prefer" => known || ids,
                _ => known,
            };
            (!good).then(|| format!("header {name}: {value:?} is not described"))
        })
        .collect()
}

/// The metadata spells the parameters of actions in Pascal case, the reference
/// documentation in camel case, and Graph takes both (SOURCE.txt beside the
/// description).
fn both_cases(body: &mut Value) {
    let Some(Value::Object(properties)) =
        body.pointer_mut("/content/application~1json/schema/properties")
    else {
        return;
    };
    let others: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| {
            let (first, rest) = name.split_at(1);
            let other = match first.chars().all(char::is_uppercase) {
                true => first.to_lowercase(),
                false => first.to_uppercase(),
            };
            (format!("{other}{rest}"), schema.clone())
        })
        .collect();
    properties.extend(others);
}

/// The items of a list, without the commas in parentheses.
fn listed(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0_u32;
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("one").push(character);
    }
    items
}
