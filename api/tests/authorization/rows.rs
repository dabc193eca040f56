//! The table: every operation, who may call it, what it answers then, and a body that it accepts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::support::PASSWORD;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Anybody.
    Public,
    /// Everybody with an account.
    SignedIn,
    /// Every member of the organisation.
    Member,
    /// Admins and members with this permission.
    Granted(&'static str),
    /// Admins.
    Admin,
}

use Rule::{Admin, Granted, Member, Public, SignedIn};

/// What one operation expects and answers.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who may call it.
    pub rule: Rule,
    /// What it answers whoever may.
    pub success: u16,
    /// What it accepts; null when it takes no body. The driver fills in `{fresh}` and `{account}`.
    pub body: Value,
}

/// Every operation by its id.
#[expect(clippy::too_many_lines, reason = "a table: one row per operation")]
pub fn rows() -> BTreeMap<&'static str, Row> {
    let no_body = Value::Null;
    let node = json!({"name": "{fresh}", "type": "socket", "socket_path": "/run/x.sock"});
    let runner =
        json!({"name": "{fresh}", "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
    let credential = json!({"name": "{fresh}", "kind": "pat", "secret": "ghp_0123456789abcdefWXYZ"});
    let account = json!({"full_name": "N", "email": "{fresh}@example.org", "password": PASSWORD});
    let sign_in = json!({"email": "{account}", "password": PASSWORD});
    let password = json!({"current_password": PASSWORD, "new_password": "a lantern on the quay"});
    let fresh_name = || json!({"name": "{fresh}"});
    let idle = || json!({"status": "idle"});
    [
        ("register", Public, 201, account),
        ("log_in", Public, 200, sign_in),
        ("refresh_session", Public, 200, no_body.clone()),
        ("log_out", Public, 204, no_body.clone()),
        ("read_config", Public, 200, no_body.clone()),
        // Public only while nobody has an account.
        ("onboard", SignedIn, 201, json!({"org_name": "{fresh}"})),
        ("read_me", SignedIn, 200, no_body.clone()),
        ("update_me", SignedIn, 200, json!({"full_name": "Somebody"})),
        ("change_password", SignedIn, 200, password),
        ("list_permissions", SignedIn, 200, no_body.clone()),
        ("list_schedules", SignedIn, 200, no_body.clone()),
        ("list_orgs", SignedIn, 200, no_body.clone()),
        ("create_org", SignedIn, 201, fresh_name()),
        ("read_org", Member, 200, no_body.clone()),
        ("update_org", Admin, 200, fresh_name()),
        ("read_overview", Member, 200, no_body.clone()),
        ("list_audit", Admin, 200, no_body.clone()),
        ("list_members", Member, 200, no_body.clone()),
        ("read_member", Member, 200, no_body.clone()),
        ("add_member", Admin, 201, json!({"email": "{fresh}@example.org"})),
        ("update_member", Admin, 200, json!({"role": "member"})),
        ("remove_member", Admin, 204, no_body.clone()),
        ("list_invitations", Admin, 200, no_body.clone()),
        ("withdraw_invitation", Admin, 204, no_body.clone()),
        ("list_nodes", Member, 200, no_body.clone()),
        ("create_node", Granted("create_node"), 201, node),
        ("read_node", Member, 200, no_body.clone()),
        ("update_node", Granted("update_node"), 200, json!({"capacity": 5})),
        ("delete_node", Granted("delete_node"), 204, no_body.clone()),
        ("check_node", Granted("update_node"), 202, no_body.clone()),
        ("read_node_metrics", Member, 200, no_body.clone()),
        ("list_node_events", Member, 200, no_body.clone()),
        ("list_credentials", Member, 200, no_body.clone()),
        ("create_credential", Granted("create_credential"), 201, credential),
        ("read_credential", Member, 200, no_body.clone()),
        (
            "update_credential",
            Granted("update_credential"),
            200,
            fresh_name(),
        ),
        (
            "delete_credential",
            Granted("delete_credential"),
            204,
            no_body.clone(),
        ),
        ("list_runners", Member, 200, no_body.clone()),
        ("create_runner", Granted("create_runner"), 201, runner),
        ("read_runner", Member, 200, no_body.clone()),
        (
            "update_runner",
            Granted("update_runner"),
            200,
            json!({"min_idle": 0}),
        ),
        ("delete_runner", Granted("delete_runner"), 204, no_body.clone()),
        ("read_runner_metrics", Member, 200, no_body.clone()),
        ("list_runner_events", Member, 200, no_body.clone()),
        ("set_runner_status", Granted("update_runner"), 200, idle()),
        ("clone_runner", Granted("create_runner"), 201, fresh_name()),
        ("run_sample_job", Granted("create_instance"), 202, no_body.clone()),
        ("list_instances", Member, 200, no_body.clone()),
        ("list_org_instances", Member, 200, no_body.clone()),
        ("create_instance", Granted("create_instance"), 201, json!({})),
        ("read_instance", Member, 200, no_body.clone()),
        (
            "update_instance",
            Granted("update_instance"),
            200,
            json!({"desired_state": "stopped"}),
        ),
        ("report_instance_status", Granted("update_instance"), 200, idle()),
        (
            "delete_instance",
            Granted("delete_instance"),
            202,
            no_body.clone(),
        ),
        ("start_instance", Granted("update_instance"), 202, no_body.clone()),
        ("stop_instance", Granted("update_instance"), 202, no_body.clone()),
        (
            "restart_instance",
            Granted("update_instance"),
            202,
            no_body.clone(),
        ),
        ("read_instance_metrics", Member, 200, no_body.clone()),
        ("list_instance_events", Member, 200, no_body.clone()),
        ("read_instance_logs", Granted("view_logs"), 200, no_body.clone()),
        ("stream_instance_logs", Granted("view_logs"), 200, no_body.clone()),
        ("stream_changes", Member, 200, no_body),
    ]
    .into_iter()
    .map(|(id, rule, success, body)| (id, Row { rule, success, body }))
    .collect()
}
