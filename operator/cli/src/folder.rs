//! Reads a blueprint's folder.

use andon_api::BlueprintSpec;
use andon_render::{is_read, pack};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// Reads and packs a folder.
pub fn packed(folder: &Path) -> Result<BlueprintSpec> {
    let mut files = BTreeMap::new();
    read(folder, "", &mut files)?;
    pack(&files)
        .or_else(|errors| refuse(&format!("{} cannot be packed", folder.display()), &errors))
}

/// All errors at once: a person should not have to come back for the next one.
pub fn refuse<T, E: Display>(what: &str, errors: &[E]) -> Result<T> {
    let lines: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
    bail!("{what}:\n{}", lines.join("\n"))
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("failed to read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("failed to read the folder {}", folder.display()))?
            .path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bail!(
                "{}: the file name is no UTF-8; rename the file",
                path.display()
            );
        };
        let below = format!("{prefix}{name}");
        if path.is_dir() {
            read(&path, &format!("{below}/"), files)?;
        } else if is_read(&below) {
            let bytes =
                fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
            let Ok(text) = String::from_utf8(bytes) else {
                bail!(
                    "{}: no UTF-8 text; a blueprint holds text files only",
                    path.display()
                );
            };
            files.insert(below, text);
        }
    }
    Ok(())
}
