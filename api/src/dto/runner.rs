//! Runners, as they are created and changed.

use domain::Invalid;
use domain::ids::{CredentialId, NodeId};
use domain::org::ResourceName;
use domain::runner::{
    ImageReference, MAX_LABELS, NetworkMode as Network, NodeSelection, Resources, RunnerScope as Scope,
    check_github_repo, check_label,
};
use entities::StoreError;
use entities::model::runners::Model;
use entities::repo::runners::RunnerSpec;
use poem_openapi::Object;
use secrecy::SecretString;

use super::credential::check_token;
use super::words::{NetworkMode, RunnerScope};
use crate::error::ApiError;
use crate::fields::Fields;

/// GitHub's own image, in the release that this version was tested with.
const DEFAULT_IMAGE: &str = "ghcr.io/actions/actions-runner:2.336.0";
const DEFAULT_MAX_INSTANCES: u32 = 10;
const MAX_INSTANCES: std::ops::RangeInclusive<u32> = 1..=1000;
const MAX_SELECTED_NODES: usize = 100;

/// What one container of a runner may use; what is absent has its default.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ResourcesInput {
    /// CPUs, 0.1 to 256; 2 unless given.
    cpus: Option<f64>,
    /// Memory in MiB, 64 to 1048576; 4096 unless given.
    memory_mb: Option<u32>,
    /// Processes and threads, 16 to 65536; 2048 unless given.
    pids: Option<u32>,
    /// How it reaches the network; `host` may only be set by an admin.
    network: Option<NetworkMode>,
}

/// Which nodes a runner's instances may be placed on.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NodeSelectionInput {
    /// Only these; empty means any node of the organisation.
    #[oai(validator(max_items = 100))]
    node_ids: Vec<String>,
}

/// A runner to be created.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct RunnerCreate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: String,
    /// The image its containers are made from; GitHub's own unless given.
    #[oai(validator(max_length = 255))]
    docker_image: Option<String>,
    /// `owner/name`, or the organisation's login where `scope` is `org`.
    #[oai(validator(max_length = 201))]
    github_repo: String,
    /// Where it is registered; `repo` unless given.
    scope: Option<RunnerScope>,
    /// A registration token from GitHub's page. Either this or a credential. Never shown again.
    #[oai(write_only, validator(max_length = 1024))]
    github_runner_token: Option<String>,
    /// The credential that registers it. Either this or a token.
    #[oai(validator(max_length = 36))]
    credential_id: Option<String>,
    /// GitHub's runner group, for runners of an organisation; 1, the default group, unless given.
    runner_group_id: Option<i64>,
    /// The labels a workflow may name.
    #[oai(validator(max_items = 100))]
    labels: Option<Vec<String>>,
    /// Whether each instance runs one job only; true unless given.
    ephemeral: Option<bool>,
    /// How many idle instances are kept; 0 unless given.
    min_idle: Option<u32>,
    /// How many instances there may be, 1 to 1000; 10 unless given.
    max_instances: Option<u32>,
    /// What one container may use.
    resources: Option<ResourcesInput>,
    /// Which nodes its instances may be placed on; any unless given.
    node_selection: Option<NodeSelectionInput>,
}

/// Changes of a runner; what is absent stays as it is. Instances that exist are not changed.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct RunnerUpdate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: Option<String>,
    /// The image its containers are made from.
    #[oai(validator(max_length = 255))]
    docker_image: Option<String>,
    /// `owner/name`, or the organisation's login where `scope` is `org`.
    #[oai(validator(max_length = 201))]
    github_repo: Option<String>,
    /// Where it is registered.
    scope: Option<RunnerScope>,
    /// Replaces the token, or the credential by a token.
    #[oai(write_only, validator(max_length = 1024))]
    github_runner_token: Option<String>,
    /// Replaces the credential, or the token by a credential.
    #[oai(validator(max_length = 36))]
    credential_id: Option<String>,
    /// GitHub's runner group, for runners of an organisation.
    runner_group_id: Option<i64>,
    /// The labels a workflow may name.
    #[oai(validator(max_items = 100))]
    labels: Option<Vec<String>>,
    /// Whether each instance runs one job only.
    ephemeral: Option<bool>,
    /// How many idle instances are kept.
    min_idle: Option<u32>,
    /// How many instances there may be, 1 to 1000.
    max_instances: Option<u32>,
    /// What one container may use.
    resources: Option<ResourcesInput>,
    /// Which nodes its instances may be placed on.
    node_selection: Option<NodeSelectionInput>,
}

impl From<RunnerCreate> for RunnerUpdate {
    fn from(create: RunnerCreate) -> Self {
        let RunnerCreate {
            name,
            docker_image,
            github_repo,
            scope,
            github_runner_token,
            credential_id,
            runner_group_id,
            labels,
            ephemeral,
            min_idle,
            max_instances,
            resources,
            node_selection,
        } = create;
        Self {
            name: Some(name),
            docker_image,
            github_repo: Some(github_repo),
            scope,
            github_runner_token,
            credential_id,
            runner_group_id,
            labels,
            ephemeral,
            min_idle,
            max_instances,
            resources,
            node_selection,
        }
    }
}

/// How a runner proves itself to GitHub from now on.
#[derive(Debug, Clone)]
pub enum Authority {
    /// As before.
    Unchanged,
    /// By a token of its own.
    Token(SecretString),
    /// By a stored credential.
    Credential(CredentialId),
}

/// A checked runner.
pub struct RunnerWish {
    /// All but the secret.
    pub spec: RunnerSpec,
    /// Where its registration comes from.
    pub authority: Authority,
}

/// What a runner is unless its creator says otherwise.
fn defaults() -> RunnerSpec {
    RunnerSpec {
        name: String::new(),
        docker_image: DEFAULT_IMAGE.to_owned(),
        github_repo: String::new(),
        scope: Scope::Repo,
        credential_id: None,
        runner_group_id: 1,
        labels: Vec::new(),
        ephemeral: true,
        min_idle: 0,
        max_instances: DEFAULT_MAX_INSTANCES,
        resources: Resources::default(),
        node_selection: NodeSelection::default(),
    }
}

/// What a stored runner is.
pub fn stored(row: &Model) -> Result<RunnerSpec, StoreError> {
    let credential_id = row.credential_id.as_deref().map(str::parse).transpose();
    Ok(RunnerSpec {
        name: row.name.clone(),
        docker_image: row.docker_image.clone(),
        github_repo: row.github_repo.clone(),
        scope: row.scope()?,
        credential_id: credential_id.map_err(|_| StoreError::Corrupt("runners.credential_id"))?,
        runner_group_id: row.runner_group_id,
        labels: row.labels()?,
        ephemeral: row.ephemeral,
        min_idle: u32::try_from(row.min_idle).unwrap_or(0),
        max_instances: u32::try_from(row.max_instances).unwrap_or(1),
        resources: row.resources()?,
        node_selection: row.node_selection()?,
    })
}

impl RunnerUpdate {
    /// Checks the runner that results from these changes of `current`, or of nothing.
    pub fn parse(self, current: Option<&Model>) -> Result<RunnerWish, ApiError> {
        let mut fields = Fields::default();
        let mut spec = current.map_or_else(|| Ok(defaults()), stored)?;
        if let Some(name) = self.name
            && fields.parse::<ResourceName>("name", &name).is_some()
        {
            spec.name = name;
        }
        if let Some(image) = self.docker_image
            && fields.parse::<ImageReference>("docker_image", &image).is_some()
        {
            spec.docker_image = image;
        }
        spec.scope = self.scope.map_or(spec.scope, Scope::from);
        spec.github_repo = self.github_repo.unwrap_or(spec.github_repo);
        fields.check("github_repo", check_github_repo(spec.scope, &spec.github_repo));
        let authority = authority(
            &mut fields,
            self.github_runner_token,
            self.credential_id,
            current.is_some(),
        );
        match &authority {
            Authority::Unchanged => {}
            Authority::Token(_) => spec.credential_id = None,
            Authority::Credential(id) => spec.credential_id = Some(id.clone()),
        }
        spec.runner_group_id = self.runner_group_id.unwrap_or(spec.runner_group_id);
        if spec.runner_group_id < 1 {
            fields.refuse("runner_group_id", "must be 1 or more");
        }
        if let Some(labels) = self.labels {
            spec.labels = check_labels(&mut fields, labels);
        }
        spec.ephemeral = self.ephemeral.unwrap_or(spec.ephemeral);
        spec.max_instances = self.max_instances.unwrap_or(spec.max_instances);
        if !MAX_INSTANCES.contains(&spec.max_instances) {
            fields.refuse("max_instances", "must be 1 to 1000");
        }
        spec.min_idle = self.min_idle.unwrap_or(spec.min_idle);
        if spec.min_idle > spec.max_instances {
            fields.refuse("min_idle", "must not be more than max_instances");
        }
        if let Some(given) = self.resources {
            spec.resources = check_resources(&mut fields, &given, &spec.resources);
        }
        if let Some(given) = self.node_selection {
            spec.node_selection.node_ids = check_node_ids(&mut fields, &given.node_ids);
        }
        fields.finish()?;
        Ok(RunnerWish { spec, authority })
    }
}

fn authority(
    fields: &mut Fields,
    token: Option<String>,
    credential_id: Option<String>,
    exists: bool,
) -> Authority {
    match (token, credential_id) {
        (Some(_), Some(_)) => {
            fields.refuse(
                "credential_id",
                "must be left out where github_runner_token is given",
            );
            Authority::Unchanged
        }
        (Some(token), None) => {
            let token = SecretString::from(token);
            check_token(fields, "github_runner_token", &token);
            Authority::Token(token)
        }
        (None, Some(id)) => fields
            .check(
                "credential_id",
                id.parse()
                    .map_err(|_| Invalid("must be the uid of a credential of this organisation")),
            )
            .map_or(Authority::Unchanged, Authority::Credential),
        (None, None) if exists => Authority::Unchanged,
        (None, None) => {
            let message = "is required, unless credential_id names a credential";
            fields.refuse_as("github_runner_token", "required", message);
            Authority::Unchanged
        }
    }
}

/// Labels in the order given; GitHub compares them in any case, so a repeated one is dropped.
fn check_labels(fields: &mut Fields, labels: Vec<String>) -> Vec<String> {
    if labels.len() > MAX_LABELS {
        fields.refuse("labels", format!("must be at most {MAX_LABELS}"));
        return Vec::new();
    }
    let mut seen = std::collections::HashSet::new();
    let mut checked = Vec::new();
    for (index, label) in labels.into_iter().enumerate() {
        fields.check(&format!("labels[{index}]"), check_label(&label));
        if seen.insert(label.to_lowercase()) {
            checked.push(label);
        }
    }
    checked
}

fn check_resources(fields: &mut Fields, given: &ResourcesInput, before: &Resources) -> Resources {
    let ResourcesInput {
        cpus,
        memory_mb,
        pids,
        network,
    } = *given;
    let resources = Resources {
        cpus: cpus.unwrap_or(before.cpus),
        memory_mb: memory_mb.unwrap_or(before.memory_mb),
        pids: pids.unwrap_or(before.pids),
        network: network.map_or(before.network, Network::from),
    };
    // One at a time, so that every figure that is out of its range is named.
    let fine = Resources::default();
    for figure in [
        Resources {
            cpus: resources.cpus,
            ..fine.clone()
        },
        Resources {
            memory_mb: resources.memory_mb,
            ..fine.clone()
        },
        Resources {
            pids: resources.pids,
            ..fine
        },
    ] {
        if let Err((name, error)) = figure.check() {
            fields.refuse(&format!("resources.{name}"), error.to_string());
        }
    }
    resources
}

fn check_node_ids(fields: &mut Fields, given: &[String]) -> Vec<NodeId> {
    if given.len() > MAX_SELECTED_NODES {
        fields.refuse(
            "node_selection.node_ids",
            format!("must be at most {MAX_SELECTED_NODES}"),
        );
        return Vec::new();
    }
    let mut ids: Vec<NodeId> = Vec::new();
    for (index, id) in given.iter().enumerate() {
        match id.parse() {
            Ok(id) if !ids.contains(&id) => ids.push(id),
            Ok(_) => {}
            Err(_) => refuse_node(fields, index),
        }
    }
    ids
}

/// One sentence for what is no id and for what is another organisation's.
pub fn refuse_node(fields: &mut Fields, index: usize) {
    fields.refuse(
        &format!("node_selection.node_ids[{index}]"),
        "must be the uid of a node of this organisation",
    );
}
