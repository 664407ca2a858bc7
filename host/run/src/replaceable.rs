//! A value that is replaced now and then, while others read it.

use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

/// How often it may be replaced.
const MAX: usize = 1000;

/// A value that is read as the newest one that was put. Those before stay in memory, so that who reads one need hold nothing: it is for
/// what is small and rarely replaced.
#[derive(Debug)]
pub(crate) struct Replaceable<T> {
    first: Node<T>,
    /// How often it was replaced. Held while that is done.
    count: Mutex<usize>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    next: OnceLock<Box<Node<T>>>,
}

/// It was replaced too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften;

impl<T> Replaceable<T> {
    pub(crate) fn new(value: T) -> Replaceable<T> {
        Replaceable { first: Node { value, next: OnceLock::new() }, count: Mutex::new(0) }
    }

    /// Puts what is made of the newest value in its place.
    pub(crate) fn replace(&self, make: impl FnOnce(&T) -> T) -> Result<(), TooOften> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == MAX {
            return Err(TooOften);
        }
        let newest = self.newest();
        let node = Box::new(Node { value: make(&newest.value), next: OnceLock::new() });
        // Nobody else puts one while the count is held.
        let _ = newest.next.set(node);
        *count += 1;
        Ok(())
    }

    fn newest(&self) -> &Node<T> {
        let mut node = &self.first;
        while let Some(next) = node.next.get() {
            node = next;
        }
        node
    }
}

impl<T> Deref for Replaceable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.newest().value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts_and_the_one_that_is_read_stays() {
        let value = Replaceable::new(1);
        let first: &i32 = &value;
        value.replace(|before| before + 1).unwrap();
        assert_eq!((*first, *value), (1, 2));
        for _ in 1..MAX {
            value.replace(|before| before + 1).unwrap();
        }
        assert_eq!((value.replace(|before| before + 1), *value), (Err(TooOften), 1 + MAX as i32));
    }
}
