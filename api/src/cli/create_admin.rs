//! `create-admin`: an account with an organisation, for scripts and for a system whose admins are gone.

use std::io::Read as _;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use domain::SystemClock;
use domain::org::DisplayName;
use poem_openapi::types::ToJSON as _;
use process::{Shutdown, Variables, telemetry};

use crate::context::Context;
use crate::error::{ApiError, ProblemJson};
use crate::fields::Fields;
use crate::services::accounts::{self, NewPerson};

/// Who, and of what. The password never stands on the command line, where everybody on the host reads it.
#[derive(Debug, Args)]
pub struct AdminArguments {
    /// The e-mail address to sign in with
    #[arg(long)]
    email: String,
    /// The name as people read it
    #[arg(long, default_value = "Administrator")]
    full_name: String,
    /// The organisation to make
    #[arg(long, default_value = "Default")]
    org: String,
    /// Read the password from the standard input instead of `ADMIN_PASSWORD` or `ADMIN_PASSWORD_FILE`
    #[arg(long)]
    password_stdin: bool,
}

/// Makes the account.
pub async fn run(arguments: &AdminArguments) -> anyhow::Result<()> {
    let (settings, _) = super::settings()?;
    telemetry::init(&settings.log)?;
    let password = password(arguments)?;
    let mut fields = Fields::default();
    let person = NewPerson::parse(&mut fields, &arguments.full_name, &arguments.email, &password);
    let org = fields.parse::<DisplayName>("org", &arguments.org);
    let (Some(person), Some(org)) = (person, org) else {
        return Err(explain(fields.into_error()));
    };
    let context = Context::connect(settings, Arc::new(SystemClock), Shutdown::new()).await?;
    let (user, org) = accounts::create_admin(&context, person, &org)
        .await
        .map_err(explain)?;
    super::print(&format!(
        "{} is admin of {} ({}).\n",
        user.email, org.name, org.uid
    ))
}

fn password(arguments: &AdminArguments) -> anyhow::Result<String> {
    use secrecy::ExposeSecret as _;
    if arguments.password_stdin {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the password from the standard input")?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    let mut variables = Variables::from_process();
    let password = variables.secret("ADMIN_PASSWORD", "Set it, or pass --password-stdin.");
    variables.finish()?;
    Ok(password.expose_secret().to_owned())
}

fn explain(error: ApiError) -> anyhow::Error {
    match error {
        ApiError::Unprocessable(ProblemJson(problem)) | ApiError::Conflict(ProblemJson(problem)) => {
            let lines: Vec<String> = problem
                .errors
                .iter()
                .map(|error| format!("{} {}", error.field, error.message))
                .collect();
            anyhow::anyhow!("{}", lines.join("; "))
        }
        ApiError::Unavailable(..) => anyhow::anyhow!("the database is not available"),
        other => anyhow::anyhow!("the account could not be made: {}", ProblemText(&other)),
    }
}

struct ProblemText<'a>(&'a ApiError);

impl std::fmt::Display for ProblemText<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ApiError::Internal(ProblemJson(problem)) => formatter.write_str(&problem.to_json_string()),
            _ => formatter.write_str("refused"),
        }
    }
}
