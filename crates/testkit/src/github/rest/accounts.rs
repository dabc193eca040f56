//! Who the token belongs to, what it can see, and its budgets.

use poem::{IntoResponse, Request, Response, Result, handler, web::Json};
use serde_json::{Map, Value, json};

use super::{
    guard::{Caller, simulation, visible_target},
    reply::Refusal,
};
use crate::github::{access::Level, rate::Bucket};

const CREATED: &str = "2011-01-25T18:44:36Z";

/// `GET /user`
#[handler]
pub(super) fn get_user(request: &Request) -> Result<Response> {
    let Caller(pat) = request
        .extensions()
        .get::<Caller>()
        .ok_or_else(Refusal::not_found)?;
    let mut user = account(&simulation(request)?.root, &pat.login, "User");
    for key in ["bio", "blog", "company", "email", "hireable", "location", "name"] {
        user.insert(key.to_owned(), Value::Null);
    }
    for key in ["followers", "following", "public_gists", "public_repos"] {
        user.insert(key.to_owned(), json!(0));
    }
    user.insert("created_at".to_owned(), json!(CREATED));
    user.insert("updated_at".to_owned(), json!(CREATED));
    user.insert("user_view_type".to_owned(), json!("public"));
    Ok(Json(user).into_response())
}

/// `GET /rate_limit`
#[handler]
pub(super) fn get_rate_limit(request: &Request) -> Result<Response> {
    let buckets = simulation(request)?.read(|state| state.budgets.all().map(Bucket::clone));
    let view = |bucket: &Bucket| {
        json!({
            "limit": bucket.limit,
            "used": bucket.used,
            "remaining": bucket.remaining(),
            "reset": bucket.reset.timestamp(),
        })
    };
    let core = view(&buckets[0]);
    let mut resources: Map<String, Value> = buckets.iter().map(|b| (b.name.to_owned(), view(b))).collect();
    resources.insert(
        "search".to_owned(),
        json!({ "limit": 30, "used": 0, "remaining": 30, "reset": buckets[0].reset.timestamp() }),
    );
    Ok(Json(json!({ "rate": core, "resources": resources })).into_response())
}

/// `GET /repos/{owner}/{repo}`
#[handler]
pub(super) fn get_repository(request: &Request) -> Result<Response> {
    let (full_name, level) = visible_target(request)?;
    let root = simulation(request)?.root.clone();
    let (owner, name) = full_name.split_once('/').ok_or_else(Refusal::not_found)?;
    let url = format!("{root}/repos/{full_name}");
    let html = format!("{root}/{full_name}");
    let mut repository = Map::new();
    // The many addresses of the official schema, all below the repository's own.
    for part in "archive assignees blobs branches collaborators comments commits compare contents contributors \
                 deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events \
                 issues keys labels languages merges milestones notifications pulls releases stargazers statuses \
                 subscribers subscription tags teams trees"
        .split_whitespace()
    {
        repository.insert(format!("{part}_url"), json!(format!("{url}/{part}")));
    }
    for key in ["description", "homepage", "language", "mirror_url", "license"] {
        repository.insert(key.to_owned(), Value::Null);
    }
    for key in
        "forks forks_count open_issues open_issues_count size stargazers_count watchers watchers_count \
                network_count subscribers_count"
            .split_whitespace()
    {
        repository.insert(key.to_owned(), json!(0));
    }
    for key in
        "fork has_issues has_projects has_wiki has_pages has_discussions archived disabled".split_whitespace()
    {
        repository.insert(key.to_owned(), json!(false));
    }
    for key in ["created_at", "updated_at", "pushed_at"] {
        repository.insert(key.to_owned(), json!(CREATED));
    }
    let admin = level == Level::Admin;
    repository.extend([
        ("id".to_owned(), json!(stable_id(&full_name))),
        ("node_id".to_owned(), json!(format!("R_{full_name}"))),
        ("name".to_owned(), json!(name)),
        ("full_name".to_owned(), json!(full_name)),
        ("owner".to_owned(), json!(account(&root, owner, "Organization"))),
        ("private".to_owned(), json!(true)),
        ("default_branch".to_owned(), json!("main")),
        ("url".to_owned(), json!(url)),
        ("html_url".to_owned(), json!(html)),
        ("svn_url".to_owned(), json!(html)),
        ("clone_url".to_owned(), json!(format!("{html}.git"))),
        ("git_url".to_owned(), json!(format!("git:{full_name}.git"))),
        (
            "ssh_url".to_owned(),
            json!(format!("git@localhost:{full_name}.git")),
        ),
        (
            "permissions".to_owned(),
            json!({ "admin": admin, "push": admin, "pull": true }),
        ),
    ]);
    Ok(Json(repository).into_response())
}

/// `GET /orgs/{org}`
#[handler]
pub(super) fn get_organization(request: &Request) -> Result<Response> {
    let (login, _) = visible_target(request)?;
    let mut organization = account(&simulation(request)?.root, &login, "Organization");
    let url = organization["url"].clone();
    for key in ["hooks_url", "issues_url", "members_url", "public_members_url"] {
        organization.insert(key.to_owned(), url.clone());
    }
    for key in ["public_repos", "public_gists", "followers", "following"] {
        organization.insert(key.to_owned(), json!(0));
    }
    organization.extend([
        ("description".to_owned(), Value::Null),
        ("archived_at".to_owned(), Value::Null),
        ("has_organization_projects".to_owned(), json!(false)),
        ("has_repository_projects".to_owned(), json!(false)),
        ("created_at".to_owned(), json!(CREATED)),
        ("updated_at".to_owned(), json!(CREATED)),
    ]);
    Ok(Json(organization).into_response())
}

fn account(root: &str, login: &str, kind: &str) -> Map<String, Value> {
    let url = format!("{root}/users/{login}");
    let mut account = Map::new();
    for part in "events followers following gists organizations received_events repos starred subscriptions"
        .split_whitespace()
    {
        account.insert(format!("{part}_url"), json!(format!("{url}/{part}")));
    }
    account.extend([
        ("id".to_owned(), json!(stable_id(login))),
        ("node_id".to_owned(), json!(format!("U_{login}"))),
        ("login".to_owned(), json!(login)),
        ("avatar_url".to_owned(), json!(format!("{url}/avatar"))),
        ("gravatar_id".to_owned(), json!("")),
        ("html_url".to_owned(), json!(format!("{root}/{login}"))),
        ("url".to_owned(), json!(url)),
        ("site_admin".to_owned(), json!(false)),
        ("type".to_owned(), json!(kind)),
    ]);
    account
}

/// A number that the same name always gets.
fn stable_id(name: &str) -> u32 {
    name.bytes()
        .fold(17, |hash: u32, byte| (hash * 31 + u32::from(byte)) % 100_000_007)
}
