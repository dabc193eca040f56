//! Listing, looking up and removing runners.

use std::collections::HashSet;

use reqwest::Method;
use serde::Deserialize;
use url::Url;

use crate::{
    Error, GitHub, Target,
    client::{Call, Expect},
};

/// GitHub's largest page.
const PER_PAGE: usize = 100;
/// 10,000 runners is GitHub's own cap of a runner group; a list that goes on is not believed.
const MAX_PAGES: usize = 100;
const LIST: &str = "list the runners";

/// A self-hosted runner as GitHub sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Runner {
    /// GitHub's id, unique within the target.
    pub id: i64,
    /// The runner's name, unique within the target.
    pub name: String,
    /// The operating system the runner reported (`linux`), or `unknown` before its first connection.
    pub os: String,
    /// Whether the runner holds a live connection to GitHub.
    pub status: RunnerStatus,
    /// Whether a job runs on it right now.
    pub busy: bool,
    /// All labels, the read-only ones included.
    pub labels: Vec<RunnerLabel>,
    /// The runner group, where GitHub says so.
    pub runner_group_id: Option<i64>,
    /// Whether GitHub removes the runner after one job.
    pub ephemeral: Option<bool>,
    /// The runner's software version; `None` until it first connected.
    pub version: Option<String>,
}

/// Whether a runner holds a live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunnerStatus {
    /// Connected and listening, or running a job.
    Online,
    /// Not connected.
    Offline,
    /// A word this client doesn't know.
    #[serde(other)]
    Unknown,
}

/// One label of a runner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunnerLabel {
    /// What a workflow's `runs-on` names.
    pub name: String,
    /// `read-only` for labels that GitHub gave, `custom` for ours.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// Removed (204): the runner was idle and can get no job any more.
    Deleted,
    /// Refused (422): a job runs on it; wait for its end, never force it.
    Busy,
    /// There is no such runner: it was removed before, or was ephemeral and has done its job.
    NotFound,
}

#[derive(Clone, Deserialize)]
pub(crate) struct RunnerPage {
    pub(crate) total_count: usize,
    pub(crate) runners: Vec<Runner>,
}

impl GitHub {
    /// All runners of `target`, each once.
    ///
    /// Unchanged pages cost no rate limit (`If-None-Match`). Runners that come and go while pages are read may be
    /// missing: confirm an absence with [`GitHub::get_runner`] before acting on it.
    pub async fn list_runners(&self, target: &Target) -> Result<Vec<Runner>, Error> {
        self.list(target, None).await
    }

    /// The runner of that exact name, if there is one.
    pub async fn find_runner(&self, target: &Target, name: &str) -> Result<Option<Runner>, Error> {
        let found = self.list(target, Some(name)).await?;
        Ok(found.into_iter().find(|runner| runner.name == name))
    }

    /// The runner with that id, or `None` if it's gone.
    ///
    /// GitHub answers 404 also when the token lost its rights; the two are told apart by a second, small call.
    pub async fn get_runner(&self, target: &Target, id: i64) -> Result<Option<Runner>, Error> {
        const OPERATION: &str = "look up a runner";
        let url = self.target_url(target, &format!("actions/runners/{id}"))?;
        match self
            .send(Call::new(OPERATION, Method::GET, url), Expect::Status(200))
            .await
        {
            Ok(reply) => reply.json(OPERATION).map(Some),
            Err(Error::NotFound { .. }) => self.prove_visible(target).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// Removes the runner with that id, unless a job runs on it.
    pub async fn delete_runner(&self, target: &Target, id: i64) -> Result<DeleteOutcome, Error> {
        const OPERATION: &str = "remove a runner";
        let url = self.target_url(target, &format!("actions/runners/{id}"))?;
        match self
            .send(Call::new(OPERATION, Method::DELETE, url), Expect::Status(204))
            .await
        {
            Ok(_) => Ok(DeleteOutcome::Deleted),
            Err(Error::Unprocessable { .. }) => Ok(DeleteOutcome::Busy),
            Err(Error::NotFound { .. }) => self.prove_visible(target).await.map(|()| DeleteOutcome::NotFound),
            Err(error) => Err(error),
        }
    }

    /// Fails unless the token can see the target's runners, so that a 404 for one runner means that it's gone.
    async fn prove_visible(&self, target: &Target) -> Result<(), Error> {
        let url = self.target_url(target, "actions/runners")?;
        self.fetch_page_cached(page_url(url, None, 1, 1)).await.map(drop)
    }

    async fn list(&self, target: &Target, name: Option<&str>) -> Result<Vec<Runner>, Error> {
        let url = self.target_url(target, "actions/runners")?;
        let (mut runners, mut seen) = (Vec::new(), HashSet::new());
        // The end is told by the count and by pages that bring nothing new, never by the `Link` header: a proxy
        // may send `rel="next"` for ever.
        for page in 1..=MAX_PAGES {
            let page_url = page_url(url.clone(), name, PER_PAGE, page);
            // A look-up by name is asked once; it would only push the pages of real lists out of the cache.
            let RunnerPage {
                total_count,
                runners: batch,
            } = match name {
                Some(_) => self
                    .send(Call::new(LIST, Method::GET, page_url), Expect::Status(200))
                    .await?
                    .json(LIST)?,
                None => self.fetch_page_cached(page_url).await?,
            };
            let before = seen.len();
            runners.extend(batch.into_iter().filter(|runner| seen.insert(runner.id)));
            if seen.len() >= total_count || seen.len() == before {
                return Ok(runners);
            }
        }
        Err(Error::TooLarge { operation: LIST })
    }

    async fn fetch_page_cached(&self, url: Url) -> Result<RunnerPage, Error> {
        let cached = self.list_cache().get(&url);
        let mut call = Call::new(LIST, Method::GET, url.clone());
        if let Some((etag, _)) = &cached {
            call = call.with_etag(etag);
        }
        let reply = self.send(call, Expect::StatusOrUnchanged(200)).await?;
        if reply.is_unchanged() {
            return cached.map(|(_, page)| page).ok_or_else(|| Error::Decode {
                operation: LIST,
                reason: "304 without a question".into(),
            });
        }
        let etag = reply.etag();
        let page: RunnerPage = reply.json(LIST)?;
        if let Some(etag) = etag {
            self.list_cache().put(url, etag, page.clone());
        }
        Ok(page)
    }
}

fn page_url(mut url: Url, name: Option<&str>, per_page: usize, page: usize) -> Url {
    {
        let mut query = url.query_pairs_mut();
        if let Some(name) = name {
            query.append_pair("name", name);
        }
        query
            .append_pair("per_page", &per_page.to_string())
            .append_pair("page", &page.to_string());
    }
    url
}
