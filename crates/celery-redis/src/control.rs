//! Asking and commanding workers, Python's and ours, as `celery inspect` and `celery control` do.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use crate::{client::Client, error::Error, pidbox::Request};

/// Which workers a request is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nodes {
    /// Every worker.
    #[default]
    All,
    /// The workers of these names.
    Named(Vec<String>),
    /// The workers whose names match a shell pattern (`w*@host`).
    Glob(String),
    /// The workers whose names match a regular expression from their beginning.
    Pcre(String),
}

/// Requests to workers; made by [`Client::control`].
#[derive(Debug, Clone)]
pub struct Control {
    client: Client,
    nodes: Nodes,
    timeout: Duration,
}

impl Control {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            nodes: Nodes::All,
            timeout: Duration::from_secs(1),
        }
    }

    /// Restricts requests to some workers; all unless set.
    #[must_use]
    pub fn nodes(mut self, nodes: Nodes) -> Self {
        self.nodes = nodes;
        self
    }

    /// How long to wait for replies; 1 s unless set, as in Celery.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks and returns each worker's answer by its name, as soon as all that heard it have answered, or what
    /// came until the timeout. `method` is a command of Celery, e.g. `ping` or `stats`.
    pub async fn ask(
        &self,
        method: &str,
        arguments: Map<String, Value>,
    ) -> Result<BTreeMap<String, Value>, Error> {
        let asked =
            self.request(method, arguments)
                .ask(self.client.server(), self.client.keys(), self.timeout, 0);
        let replies = asked.await.map_err(Error::redis("carry a control request"))?;
        Ok(replies.into_iter().collect())
    }

    /// Commands without waiting for anyone to obey; returns how many processes heard it.
    pub async fn tell(&self, method: &str, arguments: Map<String, Value>) -> Result<usize, Error> {
        let database = self.client.server().database();
        self.request(method, arguments)
            .tell(self.client.link(), self.client.keys(), database)
            .await
            .map_err(Error::redis("carry a control request"))
    }

    /// Keeps a call from being executed; with `terminate` also ends it where it runs.
    pub async fn revoke(&self, id: &str, terminate: bool) -> Result<usize, Error> {
        let arguments = Map::from_iter([
            ("task_id".to_owned(), Value::from(id)),
            ("terminate".to_owned(), Value::from(terminate)),
            ("signal".to_owned(), Value::from("SIGTERM")),
        ]);
        self.tell("revoke", arguments).await
    }

    fn request(&self, method: &str, arguments: Map<String, Value>) -> Request {
        let (destination, pattern) = match &self.nodes {
            Nodes::All => (Vec::new(), None),
            Nodes::Named(names) => (names.clone(), None),
            Nodes::Glob(pattern) => (Vec::new(), Some((pattern.clone(), "glob".to_owned()))),
            Nodes::Pcre(pattern) => (Vec::new(), Some((pattern.clone(), "pcre".to_owned()))),
        };
        Request {
            method: method.to_owned(),
            arguments,
            destination,
            pattern,
            reply_to: None,
        }
    }
}
