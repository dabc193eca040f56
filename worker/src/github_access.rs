//! GitHub as the jobs of one worker share it: one client per credential, one list of runners per
//! credential and target at a time.
//!
//! The clients share their connections, `ETag`s and rate-limit windows, so that a pause which GitHub asked
//! of one job is kept by all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Clock;
use domain::keyring::{Keyring, KeyringError, Place};
use domain::runner::RunnerScope;
use entities::model::{github_credentials, runners};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use github::{GitHub, Runner, Target};
use tokio::time::Instant;
use url::Url;

/// As many lists as are kept; far more than one worker watches.
const MAX_LISTS: usize = 256;

/// Why GitHub can't be asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// The stored credential does not open.
    #[error("the credential {name} can't be read; save it again")]
    Sealed {
        /// The credential's name.
        name: String,
        /// Why.
        #[source]
        source: Arc<KeyringError>,
    },
    /// The credential's addresses or the runner's target are no good.
    #[error("the {0} is not valid; save it again")]
    Invalid(&'static str),
    /// GitHub was asked, or must not be asked yet.
    #[error(transparent)]
    GitHub(#[from] Arc<github::Error>),
}

impl From<github::Error> for AccessError {
    fn from(error: github::Error) -> Self {
        Self::GitHub(Arc::new(error))
    }
}

impl AccessError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Sealed { .. } | Self::Invalid(_) => false,
            Self::GitHub(error) => error.is_retryable(),
        }
    }

    /// How long to wait, if GitHub said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Sealed { .. } | Self::Invalid(_) => None,
            Self::GitHub(error) => error.retry_after(),
        }
    }
}

/// All runners of a target, by name.
pub type RunnerList = Arc<HashMap<String, Runner>>;
type Listing = Shared<BoxFuture<'static, Result<RunnerList, AccessError>>>;

struct CachedClient {
    /// What the client was made from; another one means that the credential was changed.
    sealed: String,
    api_url: String,
    client: GitHub,
}

struct CachedListing {
    asked_at: Instant,
    listing: Listing,
}

/// The clients and lists of one worker.
pub struct GithubAccess {
    clock: Arc<dyn Clock>,
    clients: Mutex<HashMap<String, CachedClient>>,
    lists: Mutex<HashMap<(String, Target), CachedListing>>,
}

impl GithubAccess {
    /// Nothing is cached yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            clients: Mutex::default(),
            lists: Mutex::default(),
        }
    }

    /// The client of a credential.
    pub fn client(
        &self,
        credential: &github_credentials::Model,
        keyring: &Keyring,
    ) -> Result<GitHub, AccessError> {
        let mut clients = lock(&self.clients);
        if let Some(cached) = clients.get(&credential.uid)
            && cached.sealed == credential.secret
            && cached.api_url == credential.api_url
        {
            return Ok(cached.client.clone());
        }
        let place = Place {
            table: "github_credentials",
            column: "secret",
            row: &credential.uid,
            org: &credential.org_id,
        };
        let token = keyring
            .open(&credential.secret, place)
            .map_err(|source| AccessError::Sealed {
                name: credential.name.clone(),
                source: Arc::new(source),
            })?;
        let url: Url = credential
            .api_url
            .parse()
            .map_err(|_| AccessError::Invalid("credential's API address"))?;
        let client = GitHub::with_clock(&url, token, Arc::clone(&self.clock))?;
        let cached = CachedClient {
            sealed: credential.secret.clone(),
            api_url: credential.api_url.clone(),
            client: client.clone(),
        };
        clients.insert(credential.uid.clone(), cached);
        Ok(client)
    }

    /// The runners of a target, at most `max_age` old. All who ask at the same time share one request.
    pub async fn runners(
        &self,
        credential_id: &str,
        client: &GitHub,
        target: &Target,
        max_age: Duration,
    ) -> Result<RunnerList, AccessError> {
        self.listing(credential_id, client, target, max_age).await
    }

    fn listing(&self, credential_id: &str, client: &GitHub, target: &Target, max_age: Duration) -> Listing {
        let now = Instant::now();
        let mut lists = lock(&self.lists);
        let key = (credential_id.to_owned(), target.clone());
        if let Some(cached) = lists.get(&key)
            && now.duration_since(cached.asked_at) < max_age
        {
            return cached.listing.clone();
        }
        if lists.len() >= MAX_LISTS
            && let Some(oldest) = lists
                .iter()
                .min_by_key(|(_, cached)| cached.asked_at)
                .map(|(key, _)| key.clone())
        {
            lists.remove(&oldest);
        }
        let listing = list(client.clone(), target.clone()).boxed().shared();
        let cached = CachedListing {
            asked_at: now,
            listing: listing.clone(),
        };
        lists.insert(key, cached);
        listing
    }
}

async fn list(client: GitHub, target: Target) -> Result<RunnerList, AccessError> {
    let runners = client.list_runners(&target).await?;
    Ok(Arc::new(
        runners
            .into_iter()
            .map(|runner| (runner.name.clone(), runner))
            .collect(),
    ))
}

/// Where a runner is registered.
pub fn target_of(runner: &runners::Model) -> Result<Target, AccessError> {
    let invalid = || AccessError::Invalid("runner's github_repo");
    match runner.scope.parse().map_err(|_| invalid())? {
        RunnerScope::Repo => match runner.github_repo.split_once('/') {
            Some((owner, name)) => Target::repository(owner, name).map_err(|_| invalid()),
            None => Err(invalid()),
        },
        RunnerScope::Org => Target::organization(&runner.github_repo).map_err(|_| invalid()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
