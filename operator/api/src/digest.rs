//! Digests as they stand in the API: `sha256:` and 64 hexadecimal digits.

/// What a digest begins with.
pub const PREFIX: &str = "sha256:";

/// A digest as a pattern for schemas.
pub const PATTERN: &str = "^sha256:[0-9a-f]{64}$";

/// Digits of a digest that end an object's name. Eight give 2^32 values; a line keeps a handful of renderings.
pub const SHORT: usize = 8;

/// The first digits of a digest, for object names.
pub fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix(PREFIX).unwrap_or(digest);
    hex.get(..SHORT).unwrap_or(hex)
}
