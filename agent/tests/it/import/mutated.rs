//! Malicious directories: no file may crash the importer.

use openclaw_whatsapp::store::baileys;
use serde_json::Value;

use super::spelling::buffer;
use super::variants::recorded;

/// One file of each kind, and the content of a sender key's file: it is JSON in a string, or may be in the file
/// directly.
async fn samples() -> Vec<(String, Vec<u8>)> {
    let (files, _) = recorded().await;
    let few = files
        .iter()
        .filter(|(name, _)| !name.starts_with("pre-key-"));
    let few = few.chain(files.get_key_value("pre-key-8.json"));
    let mut samples: Vec<_> = few
        .map(|(name, file)| (name.clone(), file.clone()))
        .collect();
    let sender_keys = files
        .iter()
        .filter(|(name, _)| name.starts_with("sender-key-1"));
    for (name, content) in sender_keys {
        let value: Value = serde_json::from_slice(content).unwrap();
        samples.push((name.clone(), buffer(&value["data"])));
    }
    samples
}

/// Every file of the directory with changed bytes, removed parts and exchanged values. The fuzz targets go further.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn no_change_to_a_file_makes_the_importer_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    for (name, content) in samples().await {
        for _ in 0..400 {
            let mut bytes = content.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.truncate(at.max(1)),
                    2 => drop(bytes.drain(at..random.usize(at..bytes.len()))),
                    _ => bytes[at] = *random.choice(b"0-e\"{}[],:").unwrap(),
                }
            }
            baileys::parse_file(&name, &bytes);
        }
        let whole: Value = serde_json::from_slice(&content).unwrap();
        for at in 0..count(&whole) {
            for odd in [
                "null",
                "-1",
                "1e300",
                "99999999999",
                "\"\"",
                "[]",
                "{}",
                "[1]",
                "true",
            ] {
                let mut changed = whole.clone();
                let other = serde_json::from_str(odd).unwrap();
                assert!(exchange(&mut changed, &mut at.clone(), &other));
                baileys::parse_file(&name, changed.to_string().as_bytes());
            }
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(object) => object.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the value `left` values after this one by `other`; `true` once done.
fn exchange(value: &mut Value, left: &mut usize, other: &Value) -> bool {
    if *left == 0 {
        *value = other.clone();
        return true;
    }
    *left -= 1;
    match value {
        Value::Object(object) => object
            .values_mut()
            .any(|value| exchange(value, left, other)),
        Value::Array(items) => items.iter_mut().any(|value| exchange(value, left, other)),
        _ => false,
    }
}
