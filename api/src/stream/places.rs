//! How many of something each owner has open; a place is given back when it is dropped.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by owner; cheap to clone.
#[derive(Debug)]
pub struct Places<K>(Arc<Mutex<HashMap<K, usize>>>);

/// One place of an owner's.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    places: Places<K>,
    owner: K,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// A place for one more; `None` when the owner has `most` already.
    pub fn take(&self, owner: &K, most: usize) -> Option<Place<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(owner.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            places: self.clone(),
            owner: owner.clone(),
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_so_many_places_and_gets_them_back() {
        let places = Places::default();
        let taken: Vec<_> = (0..3).filter_map(|_| places.take(&"ada", 3)).collect();
        assert_eq!(taken.len(), 3);
        assert!(places.take(&"ada", 3).is_none());
        assert!(places.take(&"bob", 3).is_some());
        drop(taken);
        assert!(places.take(&"ada", 3).is_some());
        assert!(places.0.lock().unwrap().is_empty());
    }
}
