//! What the viewer's JSON must say of a message, and whether it does.

use serde_json::Value;

use crate::hextext::hex;

/// An attribute as JSON must show it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The C name; `None` for an index without one.
    pub name: Option<String>,
    /// The type.
    pub number: u16,
    /// The payload.
    pub payload: Expected,
}

/// A payload, a struct's field or an array's element as JSON must show it.
#[derive(Debug, Clone)]
pub enum Expected {
    /// No payload.
    Nothing,
    /// A flag.
    Present,
    /// A number, and its name if it must have one.
    Number(i128, Option<String>),
    /// Bits, and their names.
    Flags(u64, Vec<String>),
    /// Numbered bits, in so many bytes, and their names.
    Bitmap(Vec<u8>, Vec<(u64, Option<String>)>),
    /// A string: text, an address, a UUID.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many bytes that are not shown.
    Secret(usize),
    /// A struct and the attributes after it.
    Struct(String, Vec<(String, Self)>, Vec<Node>),
    /// The elements of an array.
    Items(Vec<Self>),
    /// Attributes.
    Attrs(Vec<Node>),
}

/// Compares what must be with what is, and says at which paths they differ.
pub struct Comparison {
    path: Vec<String>,
    /// The differences.
    pub wrong: Vec<String>,
    /// How many values were compared.
    pub values: usize,
}

impl Comparison {
    /// One that has compared nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { path: Vec::new(), wrong: Vec::new(), values: 0 }
    }

    fn differs(&mut self, wanted: &str, is: &Value) {
        let is: String = is.to_string().chars().take(160).collect();
        self.wrong.push(format!("{}: {wanted}, but {is}", self.path.join(".")));
    }

    fn within(&mut self, name: impl Into<String>, then: impl FnOnce(&mut Self)) {
        self.path.push(name.into());
        then(self);
        self.path.pop();
    }

    /// A list of attributes.
    pub fn attributes(&mut self, wanted: &[Node], is: Option<&Value>) {
        let empty = Vec::new();
        let is = is.and_then(Value::as_array).unwrap_or(&empty);
        for (at, node) in wanted.iter().enumerate() {
            let name = node.name.clone().unwrap_or_else(|| format!("[{}]", node.number));
            self.within(name, |this| {
                let Some(found) = is.get(at) else {
                    return this.differs("an attribute", &Value::Null);
                };
                if found["name"].as_str() != node.name.as_deref()
                    || found["type"].as_u64() != Some(u64::from(node.number))
                {
                    return this.differs("its name and type", found);
                }
                this.value(&node.payload, found);
            });
        }
        if let Some(more) = is.get(wanted.len()) {
            self.differs("no further attribute", more);
        }
    }

    /// A node's payload.
    pub fn value(&mut self, wanted: &Expected, is: &Value) {
        self.values += 1;
        if is.get("rest").is_some() {
            self.differs("nothing left over", is);
        }
        match wanted {
            Expected::Nothing => {
                if ["value", "items", "attrs", "fields"].iter().any(|key| is.get(*key).is_some()) {
                    self.differs("no payload", is);
                }
            }
            Expected::Present => {
                if is["value"] != Value::Bool(true) {
                    self.differs("true", is);
                }
            }
            Expected::Number(number, name) => {
                let shown = is.get("raw").unwrap_or(&is["value"]);
                if integer(shown) != Some(*number) {
                    self.differs(&number.to_string(), is);
                } else if let Some(name) = name
                    && is["value"].as_str() != Some(name)
                {
                    self.differs(name, is);
                }
            }
            Expected::Flags(bits, names) => {
                let shown = is["value"].as_array().map(Vec::as_slice).unwrap_or_default();
                let same =
                    shown.iter().map(Value::as_str).eq(names.iter().map(|n| Some(n.as_str())));
                if integer(&is["raw"]) != Some(i128::from(*bits)) || !same {
                    self.differs(&format!("{bits:#x} {names:?}"), is);
                }
            }
            Expected::Bitmap(bytes, bits) => {
                let shown = is["value"].as_array().map(Vec::as_slice).unwrap_or_default();
                let named = bits.iter().map(|(bit, name)| match name {
                    Some(name) => Value::from(name.as_str()),
                    None => Value::from(*bit),
                });
                if !named.eq(shown.iter().cloned()) || is["raw"].as_str() != Some(&hex(bytes)) {
                    self.differs(&format!("{bits:?}"), is);
                }
            }
            Expected::Text(text) => {
                if is["value"].as_str() != Some(text) {
                    self.differs(&format!("{text:?}"), is);
                }
            }
            Expected::Bytes(bytes) => {
                if !is["value"].is_null() || is["raw"].as_str() != Some(&hex(bytes)) {
                    self.differs(&hex(bytes), is);
                }
            }
            Expected::Secret(len) => {
                if is["secret"].as_u64() != Some(*len as u64) || is.get("raw").is_some() {
                    self.differs("a secret", is);
                }
            }
            Expected::Struct(name, fields, then) => self.structure(name, fields, then, is),
            Expected::Items(items) => {
                let empty = Vec::new();
                let is_items = is["items"].as_array().unwrap_or(&empty);
                if items.len() != is_items.len() {
                    return self.differs(&format!("{} items", items.len()), is);
                }
                for (at, (wanted, is)) in items.iter().zip(is_items).enumerate() {
                    self.within(format!("[{at}]"), |this| this.value(wanted, is));
                }
            }
            Expected::Attrs(nodes) => self.attributes(nodes, is.get("attrs")),
        }
    }

    /// A struct, or a message's fixed header.
    pub fn structure(
        &mut self,
        name: &str,
        fields: &[(String, Expected)],
        then: &[Node],
        is: &Value,
    ) {
        let shown = is.get("struct").unwrap_or(&is["name"]);
        if shown.as_str() != Some(name) {
            return self.differs(&format!("struct {name}"), is);
        }
        let empty = Vec::new();
        let is_fields = is["fields"].as_array().unwrap_or(&empty);
        for (at, (name, wanted)) in fields.iter().enumerate() {
            self.within(name, |this| match is_fields.get(at) {
                Some(field) if field["name"].as_str() == Some(name) => this.value(wanted, field),
                Some(field) => this.differs("this field", field),
                None => this.differs("a field", &Value::Null),
            });
        }
        if let Some(more) = is_fields.get(fields.len()) {
            self.differs("no further field", more);
        }
        if !then.is_empty() {
            self.attributes(then, is.get("attrs"));
        }
    }
}

impl Default for Comparison {
    fn default() -> Self {
        Self::new()
    }
}

fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}
