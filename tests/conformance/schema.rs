//! JSON Schema, as both kinds of description are turned into it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// Named schemas, and validators over them, compiled once each.
pub struct Schemas {
    named: Map<String, Value>,
    compiled: RefCell<HashMap<String, Rc<Validator>>>,
}

impl Schemas {
    pub fn new(named: Map<String, Value>) -> Self {
        Self {
            named,
            compiled: RefCell::default(),
        }
    }

    /// What is wrong with an instance; empty when nothing is.
    pub fn wrong(&self, schema: &Value, instance: &Value) -> Vec<String> {
        let validator = self.validator(schema);
        validator
            .iter_errors(instance)
            .map(|error| {
                let at = error.instance_path.to_string();
                format!("{}: {error}", if at.is_empty() { "/" } else { &at })
            })
            .collect()
    }

    /// A schema with a reference at its root followed to what it names.
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).map(last);
        name.map_or(schema, |name| &self.named[name])
    }

    fn validator(&self, schema: &Value) -> Rc<Validator> {
        let key = schema.to_string();
        if let Some(known) = self.compiled.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut whole = schema.clone();
        whole["$defs"] = Value::Object(self.closure(schema));
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            // A format that is neither standard nor below is a gap of this test.
            .should_ignore_unknown_formats(false)
            .with_format("int64", |text: &str| text.parse::<i64>().is_ok())
            .with_format("uint64", |text: &str| text.parse::<u64>().is_ok())
            .with_format("base64", |text: &str| STANDARD.decode(text).is_ok())
            .with_format("base64url", |text: &str| URL_SAFE.decode(text).is_ok())
            .build(&whole)
            .expect("the schema compiles");
        let validator = Rc::new(validator);
        self.compiled
            .borrow_mut()
            .insert(key, Rc::clone(&validator));
        validator
    }

    /// The named schemas that one reaches: compiling all of them is slow.
    fn closure(&self, schema: &Value) -> Map<String, Value> {
        let mut found = Map::new();
        let mut left = references(schema);
        while let Some(name) = left.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let schema = self.named.get(&name).expect("every reference resolves");
            left.extend(references(schema));
            found.insert(name, schema.clone());
        }
        found
    }
}

/// The last segment of a reference.
pub fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// A reference to a named schema.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(text) if key == "$ref" => vec![last(text).to_owned()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Bounds or a format for what a description calls the format of a type; the
/// standard ones (`date-time`, `uuid`, ...) keep their names.
pub fn formatted(kind: &str, format: &str, into: &mut Map<String, Value>) {
    let (low, high) = match (kind, format) {
        ("integer", "int32") => (json!(i32::MIN), json!(i32::MAX)),
        ("integer", "uint32") => (json!(0), json!(u32::MAX)),
        ("integer", "int64") => (json!(i64::MIN), json!(i64::MAX)),
        ("string", format) => {
            into.insert("format".to_owned(), json!(format));
            return;
        }
        _ => return,
    };
    into.insert("minimum".to_owned(), low);
    into.insert("maximum".to_owned(), high);
}
