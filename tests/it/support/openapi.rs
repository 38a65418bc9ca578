//! The description of the interface, for tests that go over every operation.

use reqwest::Method;
use serde_json::{Value, json};

/// The OpenAPI document as the server gives it.
pub struct Document(Value);

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `operationId`, the name of the handler.
    pub id: String,
    pub method: Method,
    /// With placeholders: `/v1/leases/{id}`.
    pub path: String,
    pub description: Value,
}

impl Document {
    /// That of the whole interface, sandbox included.
    pub fn read() -> Document {
        Document(serde_json::to_value(leasehold::wiring::openapi()).expect("it is JSON"))
    }

    /// Every operation, by path.
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| -> Vec<Operation> {
            let methods = item.as_object().expect("operations").iter();
            methods
                .filter(|(_, operation)| operation.get("responses").is_some())
                .map(|(method, description)| Operation {
                    id: description["operationId"].as_str().unwrap_or_default().to_owned(),
                    method: method.to_uppercase().parse().expect("a method"),
                    path: path.clone(),
                    description: description.clone(),
                })
                .collect()
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// `schema`, or what its `$ref` points to.
    pub fn resolve<'d>(&'d self, schema: &'d Value) -> &'d Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                self.resolve(self.0.pointer(pointer).expect("the reference leads somewhere"))
            }
            None => schema,
        }
    }

    /// The schema of the JSON body that `operation` takes.
    pub fn body_schema<'d>(&'d self, operation: &'d Operation) -> Option<&'d Value> {
        let content = &operation.description["requestBody"]["content"]["application/json"];
        content.get("schema").map(|schema| self.resolve(schema))
    }

    /// The parameters in the path of `operation`, with their schemas.
    pub fn path_parameters<'d>(&'d self, operation: &'d Operation) -> Vec<(&'d str, &'d Value)> {
        self.parameters(operation, "path")
    }

    /// The parameters of `operation` that stand in `place`, with their schemas.
    pub fn parameters<'d>(
        &'d self,
        operation: &'d Operation,
        place: &str,
    ) -> Vec<(&'d str, &'d Value)> {
        let all = operation.description["parameters"].as_array().into_iter().flatten();
        let here = all.filter(|parameter| parameter["in"] == place);
        here.map(|parameter| {
            let schema = self.alternatives(&parameter["schema"])[0];
            (parameter["name"].as_str().expect("a name"), schema)
        })
        .collect()
    }

    /// The schemas that a value of `schema` may follow: itself, or its alternatives.
    fn alternatives<'d>(&'d self, schema: &'d Value) -> Vec<&'d Value> {
        let schema = self.resolve(schema);
        let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
        match branches {
            Some(branches) => {
                let is_something = |branch: &&Value| branch["type"] != "null";
                branches.iter().filter(is_something).map(|branch| self.resolve(branch)).collect()
            }
            None => vec![schema],
        }
    }

    /// A plausible value of `schema`, with every field.
    pub fn example(&self, schema: &Value) -> Value {
        let original = schema;
        let schema = self.alternatives(schema)[0];
        for given in [&original["example"], &schema["example"], &schema["examples"][0]] {
            if !given.is_null() {
                return given.clone();
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = serde_json::Map::new();
            for part in parts {
                if let Value::Object(fields) = self.example(part) {
                    whole.extend(fields);
                }
            }
            return Value::Object(whole);
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        match type_of(schema) {
            "object" => self.example_object(schema),
            "array" => json!([self.example(&schema["items"])]),
            "integer" => schema.get("minimum").cloned().unwrap_or(json!(1)),
            "number" => json!(1.5),
            "boolean" => json!(false),
            "string" => match schema["format"].as_str() {
                Some("date-time") => json!("2027-02-01T00:00:00Z"),
                Some("duration") => json!("PT1H"),
                Some("email") => json!("somebody@example.org"),
                _ => json!("a text of some length"),
            },
            _ => json!({}),
        }
    }

    fn example_object(&self, schema: &Value) -> Value {
        let fields = schema["properties"].as_object().into_iter().flatten();
        fields.map(|(name, field)| (name.clone(), self.example(field))).collect()
    }

    /// Every field of `schema` with the pointer to it in [`Document::example`] and its own schema,
    /// nested ones included.
    pub fn fields<'d>(&'d self, schema: &'d Value) -> Vec<(String, &'d Value)> {
        let mut found = Vec::new();
        self.collect_fields(schema, "", &mut found, 0);
        found
    }

    fn collect_fields<'d>(
        &'d self,
        schema: &'d Value,
        pointer: &str,
        found: &mut Vec<(String, &'d Value)>,
        depth: u32,
    ) {
        if depth > 6 {
            return;
        }
        let schema = self.alternatives(schema)[0];
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect_fields(part, pointer, found, depth + 1);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let pointer = format!("{pointer}/{name}");
            found.push((pointer.clone(), self.alternatives(field)[0]));
            self.collect_fields(field, &pointer, found, depth + 1);
        }
        if schema.get("items").is_some() {
            let pointer = format!("{pointer}/0");
            found.push((pointer.clone(), self.alternatives(&schema["items"])[0]));
            self.collect_fields(&schema["items"], &pointer, found, depth + 1);
        }
    }
}

/// The JSON type that `schema` asks for; of several the first that is not null.
pub fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}
