//! What every test of the client needs.

use std::sync::Arc;

use github::{Error, GitHub, JitConfig, JitConfigRequest, Target};
use testkit::github::{SANDBOX_PAT, SimulatedGitHub};

/// A simulated GitHub and a client of it.
pub(crate) struct World {
    pub(crate) server: SimulatedGitHub,
    pub(crate) github: GitHub,
    pub(crate) target: Target,
}

/// A world whose client holds the sandbox token.
pub(crate) async fn world() -> World {
    world_with(SANDBOX_PAT).await
}

/// The client goes by the simulation's clock, so that moving one moves both.
pub(crate) async fn world_with(token: &str) -> World {
    let server = SimulatedGitHub::start().await.unwrap();
    let github = client(&server, token);
    World {
        server,
        github,
        target: "acme/web".parse().unwrap(),
    }
}

pub(crate) fn client(server: &SimulatedGitHub, token: &str) -> GitHub {
    GitHub::with_clock(
        server.url(),
        token.to_owned().into(),
        Arc::new(server.clock().clone()),
    )
    .unwrap()
}

impl World {
    pub(crate) async fn jit(&self, name: &str) -> Result<JitConfig, Error> {
        let request = JitConfigRequest {
            name: name.to_owned(),
            runner_group_id: 1,
            labels: vec!["self-hosted".into(), "gpu".into()],
            work_folder: "_work".into(),
        };
        self.github.generate_jit_config(&self.target, &request).await
    }
}
