//! Objects in YAML files: reading one of a kind, writing any.

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The one object of that kind in a file of YAML documents.
pub fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<T> {
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let options = serde_saphyr::options! { strict_booleans: true, legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
        .map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let mut found = documents
        .into_iter()
        .filter(|document| document["kind"] == kind);
    let Some(object) = found.next() else {
        bail!("{}: no {kind} in it; name a file with one", path.display());
    };
    if found.next().is_some() {
        bail!(
            "{}: more than one {kind} in it; keep one in the file",
            path.display()
        );
    }
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    serde_json::from_value(object)
        .map_err(|error| anyhow!("{}: {kind} {name}: {error}", path.display()))
}

/// Objects as one file of YAML documents.
pub fn write<T: Serialize>(objects: &[T]) -> Result<String> {
    let mut text = String::new();
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        text.push_str(&serde_saphyr::to_string(object).context("failed to write YAML")?);
    }
    Ok(text)
}
