//! Remembers what was made of the last few inputs. Nobody can tell but by the clock: a result depends on its input alone.
//!
//! Worth it because a plan renders every line anew each time it is made, mostly from the same blueprint; compiling
//! its patterns, its templates and parsing their text are nine tenths of the work.

use std::borrow::Borrow;
use std::rc::Rc;

/// The newest inputs and what was made of them.
pub(crate) struct Memo<K, V> {
    entries: Vec<(K, Rc<V>)>,
    size: usize,
}

impl<K, V> Memo<K, V> {
    pub const fn new(size: usize) -> Self {
        Self {
            entries: Vec::new(),
            size,
        }
    }

    /// What was made of `key` before, or now. Failures are not remembered.
    pub fn get<Q, E>(&mut self, key: &Q, make: impl FnOnce() -> Result<V, E>) -> Result<Rc<V>, E>
    where
        K: Borrow<Q>,
        Q: ?Sized + PartialEq + ToOwned<Owned = K>,
    {
        if let Some(index) = self
            .entries
            .iter()
            .position(|(known, _)| known.borrow() == key)
        {
            let found = self.entries.remove(index);
            let value = Rc::clone(&found.1);
            self.entries.push(found);
            return Ok(value);
        }
        let value = Rc::new(make()?);
        if self.entries.len() == self.size {
            self.entries.remove(0);
        }
        self.entries.push((key.to_owned(), Rc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_is_forgotten_and_failures_are_made_again() {
        let mut memo: Memo<String, usize> = Memo::new(2);
        let mut made = 0;
        let mut get = |key: &str| {
            let value = memo.get(key, || {
                made += 1;
                if key == "bad" {
                    Err("bad")
                } else {
                    Ok(key.len())
                }
            });
            (value.map(|value| *value), made)
        };
        assert_eq!(get("a"), (Ok(1), 1));
        assert_eq!(get("bb"), (Ok(2), 2));
        assert_eq!(get("a"), (Ok(1), 2));
        assert_eq!(get("ccc"), (Ok(3), 3));
        assert_eq!(get("a"), (Ok(1), 3), "it was used last");
        assert_eq!(get("bb"), (Ok(2), 4), "it had gone");
        assert_eq!(get("bad"), (Err("bad"), 5));
        assert_eq!(get("bad"), (Err("bad"), 6));
    }
}
