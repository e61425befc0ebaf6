//! OpenAPI 3.0 schemas to JSON Schema.

use serde_json::{Map, Value, json};

use super::schema::{formatted, last, reference};

/// Every component schema of a description.
pub fn components(description: &Value) -> Map<String, Value> {
    let all = &description["components"]["schemas"];
    let all = all.as_object().expect("schemas");
    all.iter()
        .map(|(name, schema)| (name.clone(), convert(schema, all)))
        .collect()
}

/// A base type whose list holds objects of several derived ones: the type that an
/// object names says which of them it must fit.
pub fn told_apart(named: &mut Map<String, Value>, description: &Value, name: &str) {
    let parts = description["components"]["schemas"][name]["allOf"].as_array();
    let mut parts = parts.into_iter().flatten();
    let mapping = parts.find_map(|part| part["discriminator"]["mapping"].as_object());
    let mut schema = named.remove(name).expect("the base type");
    for (kind, derived) in mapping.expect("a discriminator") {
        schema = json!({
            "if": {
                "required": ["@odata.type"],
                "properties": {"@odata.type": {"const": kind}},
            },
            "then": reference(last(derived.as_str().expect("a reference"))),
            "else": schema,
        });
    }
    named.insert(name.to_owned(), schema);
}

/// One schema; `all` are the component schemas that it may refer to.
pub fn convert(schema: &Value, all: &Map<String, Value>) -> Value {
    let Some(members) = schema.as_object() else {
        return schema.clone();
    };
    if let Some(name) = members.get("$ref").and_then(Value::as_str) {
        return reference(last(name));
    }
    if members.contains_key("allOf") {
        return convert(&Value::Object(flat(schema, all)), all);
    }
    if let Some(choices) = members.get("anyOf").and_then(Value::as_array) {
        return any_of(choices, all);
    }
    let mut out = Map::new();
    for word in ["required", "minimum", "maximum", "maxItems", "minItems"] {
        if let Some(value) = members.get(word) {
            out.insert(word.to_owned(), value.clone());
        }
    }
    let nullable = members.get("nullable") == Some(&Value::Bool(true));
    if let Some(kind) = members.get("type").and_then(Value::as_str) {
        let kinds = if nullable {
            json!([kind, "null"])
        } else {
            json!(kind)
        };
        out.insert("type".to_owned(), kinds);
        match members.get("format").and_then(Value::as_str) {
            // OpenAPI's name for octets as they are, and for RFC 4648 section 4.
            Some("binary") | None => {}
            Some("byte") => formatted(kind, "base64", &mut out),
            Some(format) => formatted(kind, format, &mut out),
        }
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array) {
        let mut values = values.clone();
        if nullable {
            values.push(Value::Null);
        }
        out.insert("enum".to_owned(), Value::Array(values));
    }
    if let Some(items) = members.get("items") {
        out.insert("items".to_owned(), convert(items, all));
    }
    match members.get("properties").and_then(Value::as_object) {
        Some(properties) => {
            close(properties, all, &mut out);
            // A row of hunting: the query chooses its members.
            let open = members.get("x-open-type") == Some(&Value::Bool(true));
            if open && properties.keys().all(|name| name == "@odata.type") {
                out.remove("additionalProperties");
            }
        }
        None => {
            if let Some(rest) = members.get("additionalProperties") {
                out.insert("additionalProperties".to_owned(), convert(rest, all));
            }
        }
    }
    Value::Object(out)
}

/// The description leaves objects open, or open for objects (OData open types).
/// Here they are closed: a member that it does not name is a violation. Only
/// the control information of the OData JSON format (4.01, section 4.6) may
/// stand beside any member, and that with its type.
fn close(properties: &Map<String, Value>, all: &Map<String, Value>, out: &mut Map<String, Value>) {
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| (name.clone(), convert(schema, all)))
        .collect();
    out.insert("properties".to_owned(), Value::Object(properties));
    out.insert(
        "patternProperties".to_owned(),
        json!({
            "^[A-Za-z]*@odata\\.(context|etag|type|id|nextLink|deltaLink)$": {"type": "string"},
            "^[A-Za-z]*@odata\\.count$": {"type": "integer", "minimum": 0},
        }),
    );
    out.insert("additionalProperties".to_owned(), json!(false));
}

/// `anyOf: [X, {type: object, nullable: true}]` is how Microsoft's pipeline
/// spells "X or null"; taken literally its second branch would let any object
/// pass for X.
fn any_of(choices: &[Value], all: &Map<String, Value>) -> Value {
    let null = json!({"type": "object", "nullable": true});
    let choices: Vec<Value> = choices
        .iter()
        .map(|choice| {
            if *choice == null {
                json!({"type": "null"})
            } else {
                convert(choice, all)
            }
        })
        .collect();
    json!({ "anyOf": choices })
}

/// An entity and its base types as one object: each of them closed on its own
/// would refuse what the others name. Discriminators are left out: which derived
/// type an entity is of makes no difference to the members we use.
fn flat(schema: &Value, all: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = Map::new();
    whole.insert("type".to_owned(), json!("object"));
    let mut properties = Map::new();
    let mut required = Vec::new();
    let name = schema.get("$ref").and_then(Value::as_str).map(last);
    let schema = name.map_or(schema, |name| all.get(name).expect("resolves"));
    let bases = schema.get("allOf").and_then(Value::as_array);
    let bases = bases.into_iter().flatten().map(|base| flat(base, all));
    let own = schema.as_object().expect("an object").clone();
    for part in bases.chain([own]) {
        if let Some(Value::Object(some)) = part.get("properties") {
            properties.extend(some.clone());
        }
        if let Some(Value::Array(some)) = part.get("required") {
            required.extend(some.clone());
        }
    }
    whole.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        whole.insert("required".to_owned(), Value::Array(required));
    }
    whole
}
