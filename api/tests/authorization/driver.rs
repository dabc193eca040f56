//! Calls any operation of the description on things that are made for the call.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Context as _;
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::repo::lifecycle::{self, Transition};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use testkit::github::{SANDBOX_PAT, SimulatedGitHub};

use super::rows::rows;
use super::support::{PASSWORD, Person, TestServer, expect, text};

/// One operation of the description.
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
}

/// Everything that the server's description lists.
pub async fn operations(server: &TestServer) -> anyhow::Result<Vec<Operation>> {
    let document = expect(server.anonymous.get("/openapi.json").await?, 200)?;
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            found.push(Operation {
                id: text(operation, "/operationId")?,
                method: method.to_uppercase().parse()?,
                path: path.clone(),
            });
        }
    }
    Ok(found)
}

/// Things for an operation to work on, made anew for each call that is allowed.
pub struct Things {
    pub server: TestServer,
    pub admin: Person,
    pub org: String,
    sandbox: SimulatedGitHub,
    http: reqwest::Client,
    made: Cell<u32>,
}

impl Things {
    /// A name that nothing has yet.
    pub fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("thing-{}", self.made.get())
    }

    async fn make(&self, path: &str, body: Value) -> anyhow::Result<String> {
        let body = self.filled(&body).await?;
        let made = expect(
            self.admin
                .client
                .post(&format!("/org/{}{path}", self.org), &body)
                .await?,
            201,
        )?;
        text(&made, "/uid").or_else(|_| text(&made, "/invitation/uid"))
    }

    /// The operation's path with the ids of new things in it.
    pub async fn path(&self, operation: &Operation) -> anyhow::Result<String> {
        let rows = rows();
        let body = |id: &str| rows.get(id).map(|row| row.body.clone()).unwrap_or_default();
        let mut path = operation.path.replace("{org_id}", &self.org);
        if path.contains("{node_id}") {
            path = path.replace("{node_id}", &self.make("/nodes", body("create_node")).await?);
        }
        if path.contains("{credential_id}") {
            path = path.replace(
                "{credential_id}",
                &self.make("/credentials", body("create_credential")).await?,
            );
        }
        if path.contains("{runner_id}") {
            let runner = if operation.id == "run_sample_job" {
                self.sandbox_runner().await?
            } else {
                body("create_runner")
            };
            let runner = self.make("/runners", runner).await?;
            path = path.replace("{runner_id}", &runner);
            if path.contains("/instance") {
                let node = self.make("/nodes", body("create_node")).await?;
                if path.contains("{instance_id}") {
                    let at = format!("/runners/{runner}/instance");
                    let instance = self.make(&at, json!({"node_id": node})).await?;
                    self.walk(&instance, states_before(&operation.id)).await?;
                    path = path.replace("{instance_id}", &instance);
                }
            }
        }
        if path.contains("{invitation_id}") {
            path = path.replace(
                "{invitation_id}",
                &self.make("/members", body("add_member")).await?,
            );
        }
        if path.contains("{user_id}") {
            let person = self.server.person(&self.fresh()).await?;
            self.server
                .add(&self.admin, &self.org, &person, "member", &[])
                .await?;
            path = path.replace("{user_id}", &person.id);
        }
        Ok(path)
    }

    /// A runner that is registered in the sandbox.
    async fn sandbox_runner(&self) -> anyhow::Result<Value> {
        let credential =
            json!({"name": "{fresh}", "secret": SANDBOX_PAT, "api_url": self.sandbox.url().as_str()});
        let credential = self.make("/credentials", credential).await?;
        Ok(json!({"name": "{fresh}", "github_repo": "acme/app", "credential_id": credential}))
    }

    /// Moves an instance on as workers do.
    async fn walk(&self, id: &str, states: &[InstanceState]) -> anyhow::Result<()> {
        let (id, context): (InstanceId, _) = (id.parse()?, &self.server.context);
        for to in states {
            let step = Transition {
                to: *to,
                from: &InstanceState::ALL,
                lease_token: None,
                desired: None,
                reason: None,
                message: "Moved by a test.",
            };
            let moved = lifecycle::apply(&context.db, &id, &step, context.now()).await?;
            moved.with_context(|| format!("{id} can't become {to}"))?;
        }
        Ok(())
    }

    /// Calls an operation with this access token; the status of the answer.
    pub async fn call(&self, token: Option<&str>, operation: &Operation, path: &str) -> anyhow::Result<u16> {
        let mut request = self
            .http
            .request(operation.method.clone(), self.server.anonymous.address(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if matches!(operation.id.as_str(), "refresh_session" | "log_out") {
            request = request.header(COOKIE, self.cookie().await?);
        }
        let rows = rows();
        let body = rows.get(operation.id.as_str()).map(|row| &row.body);
        if let Some(body) = body.filter(|body| !body.is_null()) {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(self.filled(body).await?.to_string());
        }
        // Only the head is read: the stream of changes never ends.
        Ok(request.send().await?.status().as_u16())
    }

    /// The cookie of a session that nobody has used yet.
    async fn cookie(&self) -> anyhow::Result<String> {
        let person = self.server.person(&self.fresh()).await?;
        let body = json!({"email": person.email, "password": PASSWORD});
        let reply = self.server.anonymous.post("/auth/login", &body).await?;
        let cookie = reply
            .headers
            .get(SET_COOKIE)
            .context("signing in sets no cookie")?;
        let pair = cookie.to_str()?.split(';').next();
        Ok(pair.context("an empty cookie")?.to_owned())
    }

    /// A body with names that are not taken and, where one is asked for, an account that is there.
    async fn filled(&self, body: &Value) -> anyhow::Result<Value> {
        let mut text = body.to_string().replace("{fresh}", &self.fresh());
        if text.contains("{account}") {
            text = text.replace("{account}", &self.server.person(&self.fresh()).await?.email);
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// The way of a new instance to a state in which the operation makes sense.
fn states_before(operation: &str) -> &'static [InstanceState] {
    match operation {
        "start_instance" => &[InstanceState::Failed],
        "restart_instance" => &[InstanceState::Creating, InstanceState::Starting],
        _ => &[],
    }
}

/// A server with an organisation, its admin and nothing else.
pub async fn things() -> anyhow::Result<Things> {
    let sandbox = SimulatedGitHub::start().await?;
    let variables = [("SANDBOX_GITHUB_URL", sandbox.url().as_str())];
    let server = TestServer::start_with(&variables, Duration::from_secs(45)).await?;
    let (admin, org) = server.onboard().await?;
    Ok(Things {
        server,
        sandbox,
        admin,
        org,
        http: reqwest::Client::builder().no_proxy().build()?,
        made: Cell::new(0),
    })
}
