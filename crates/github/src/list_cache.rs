//! Pages of runner lists that GitHub may answer with 304, which costs no rate limit.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use url::Url;

use crate::runners::RunnerPage;

/// Enough for a few thousand runners per credential; the oldest page leaves first.
const MAX_PAGES: usize = 64;

#[derive(Default)]
pub(crate) struct ListCache(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    by_url: HashMap<Url, (String, RunnerPage)>,
    oldest_first: VecDeque<Url>,
}

impl ListCache {
    pub(crate) fn get(&self, url: &Url) -> Option<(String, RunnerPage)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_url
            .get(url)
            .cloned()
    }

    pub(crate) fn put(&self, url: Url, etag: String, page: RunnerPage) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.by_url.insert(url.clone(), (etag, page)).is_none() {
            pages.oldest_first.push_back(url);
        }
        if pages.oldest_first.len() > MAX_PAGES
            && let Some(oldest) = pages.oldest_first.pop_front()
        {
            pages.by_url.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_forgets_the_oldest_page_and_stays_bounded() {
        let cache = ListCache::default();
        let url = |n: usize| format!("https://x/?page={n}").parse::<Url>().unwrap();
        for n in 0..=MAX_PAGES {
            cache.put(
                url(n),
                "e".into(),
                RunnerPage {
                    total_count: n,
                    runners: vec![],
                },
            );
        }
        assert!(cache.get(&url(0)).is_none());
        assert_eq!(cache.get(&url(MAX_PAGES)).unwrap().1.total_count, MAX_PAGES);
    }
}
