//! Forged and outdated access tokens are refused by every operation that asks for one.

use base64::Engine as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::driver::{operations, things};
use super::rows::{Rule, rows};
use super::support::expect;

/// Forged and outdated tokens that speak for a real user.
fn forgeries(secret: &str, user: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs(),
    )?;
    let good = json!({"iss": "runner-pilot", "aud": "runner-pilot-api", "sub": user, "jti": "1", "iat": now,
        "nbf": now, "exp": now + 900, "ver": 0, "use": "access"});
    let with = |change: Value| {
        let mut claims = good.clone();
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims
    };
    let sign = |algorithm: Algorithm, claims: &Value, secret: &str| {
        jsonwebtoken::encode(
            &Header::new(algorithm),
            claims,
            &EncodingKey::from_secret(secret.as_bytes()),
        )
    };
    let hs256 = |change: Value| sign(Algorithm::HS256, &with(change), secret);
    let good_token = hs256(json!({}))?;
    let parts: Vec<&str> = good_token.split('.').collect();
    let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    Ok(vec![
        ("rubbish", "rubbish".to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("no algorithm", format!("{none}.{}.", parts[1])),
        ("expired", hs256(json!({"exp": now - 60}))?),
        ("not yet good", hs256(json!({"nbf": now + 600}))?),
        ("of another issuer", hs256(json!({"iss": "somebody"}))?),
        ("for another audience", hs256(json!({"aud": "somebody"}))?),
        ("for another use", hs256(json!({"use": "refresh"}))?),
        ("of another version", hs256(json!({"ver": 7}))?),
        (
            "for nobody",
            hs256(json!({"sub": "00000000-0000-7000-8000-000000000000"}))?,
        ),
        ("another algorithm", sign(Algorithm::HS512, &good, secret)?),
        (
            "another secret",
            sign(
                Algorithm::HS256,
                &good,
                "another secret of more than thirty-two bytes",
            )?,
        ),
        ("good", good_token),
    ])
}

#[tokio::test]
async fn no_forged_or_outdated_token_is_accepted_anywhere() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let mut wrong = Vec::new();
    let rows = rows();
    for operation in operations(server).await? {
        let rule = rows.get(operation.id.as_str()).map(|row| row.rule);
        if matches!(rule, None | Some(Rule::Public)) {
            continue;
        }
        let path = operation.path.replace("{org_id}", &things.org);
        for (name, token) in forgeries(&server.jwt_secret, &things.admin.id)? {
            if name == "good" {
                continue;
            }
            let answered = things.call(Some(&token), &operation, &path).await?;
            if answered != 401 {
                wrong.push(format!("{name} {}: {answered}", operation.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The forgeries fail for what is forged in them: the same token without it is good.
    let forged = forgeries(&server.jwt_secret, &things.admin.id)?;
    let (_, good) = forged.last().ok_or_else(|| anyhow::anyhow!("no token"))?;
    expect(server.anonymous.with_token(good).get("/common/me").await?, 200)?;
    Ok(())
}
