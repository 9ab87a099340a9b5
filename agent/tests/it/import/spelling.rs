//! The five encodings of bytes that Baileys has used, applied to real files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The encodings of bytes over the years.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    BufferOfText,
    BufferOfList,
    Numbered,
    List,
    Text,
}

impl Spelling {
    pub(super) const ALL: [Self; 5] = [
        Self::BufferOfText,
        Self::BufferOfList,
        Self::Numbered,
        Self::List,
        Self::Text,
    ];

    fn spell(self, bytes: &[u8]) -> Value {
        let text = || Value::from(BASE64.encode(bytes));
        match self {
            Self::BufferOfText => json!({"type": "Buffer", "data": text()}),
            Self::BufferOfList => json!({"type": "Buffer", "data": bytes}),
            Self::Numbered => {
                let numbered = bytes.iter().enumerate();
                numbered
                    .map(|(at, byte)| (at.to_string(), Value::from(*byte)))
                    .collect()
            }
            Self::List => json!(bytes),
            Self::Text => text(),
        }
    }

    /// Re-encodes every Buffer in the value.
    fn respell(self, value: Value) -> Value {
        match value {
            Value::Object(object) if object.get("type") == Some(&json!("Buffer")) => {
                self.spell(&buffer(&object["data"]))
            }
            Value::Object(object) => {
                let entries = object.into_iter();
                entries
                    .map(|(key, value)| (key, self.respell(value)))
                    .collect()
            }
            Value::Array(items) => items.into_iter().map(|item| self.respell(item)).collect(),
            other => other,
        }
    }

    /// A file of the directory with every byte string re-encoded.
    pub(super) fn respell_file(self, name: &str, content: &[u8]) -> Vec<u8> {
        // Sessions have no Buffers, and re-encoding would lose the order of their chains.
        if name.starts_with("session-") {
            return content.to_vec();
        }
        let mut value: Value = serde_json::from_slice(content).unwrap();
        if name.starts_with("sender-key-1") {
            let states = serde_json::from_slice(&buffer(&value["data"])).unwrap();
            value = self.spell(self.respell(states).to_string().as_bytes());
        } else if name == "creds.json" {
            let account = value["account"].as_object_mut().unwrap();
            for field in account.values_mut() {
                *field = self.spell(&BASE64.decode(field.as_str().unwrap()).unwrap());
            }
            value = self.respell(value);
        } else {
            value = self.respell(value);
        }
        value.to_string().into_bytes()
    }
}

/// Decodes a Buffer's `data`.
pub(super) fn buffer(data: &Value) -> Vec<u8> {
    match data {
        Value::String(text) => BASE64.decode(text).unwrap(),
        list => serde_json::from_value(list.clone()).unwrap(),
    }
}
