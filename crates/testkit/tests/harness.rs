//! The harness against the real parts: what other tests rely on.

use std::time::Duration;

use redis::AsyncCommands as _;
use sea_orm::ConnectionTrait as _;
use testkit::harness::{
    Canary, Postgres, RedisOptions, RedisServer, RemoteEngine, TestDatabase, engine, eventually,
};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_append_only_redis_keeps_what_it_acknowledged_across_a_kill() -> anyhow::Result<()> {
    let options = RedisOptions {
        append_only: true,
        password: Some("hunter2hunter2".to_owned()),
    };
    let mut server = RedisServer::start_with(options).await?;
    let mut connection = server.connection().await?;
    let _: () = connection.lpush("celery", "task").await?;
    let _: () = connection.hset("unacked", "tag", "message").await?;
    server.kill()?;
    assert!(server.connection().await.is_err());
    server.start_again().await?;

    let dump = server.dump().await?;
    assert_eq!(dump["celery"], b"task\n");
    assert_eq!(dump["unacked"], b"tag\nmessage\n");
    let mut canary = Canary::new();
    canary.add("message", "hunter2hunter2")?;
    canary.ensure_absent("its log", server.log_text().as_bytes())
}

#[tokio::test]
async fn a_paused_redis_accepts_but_does_not_answer_until_it_goes_on() -> anyhow::Result<()> {
    let server = RedisServer::start().await?;
    let mut connection = server.connection().await?;
    server.pause()?;
    let mut ping = redis::cmd("PING");
    let answer = ping.query_async::<String>(&mut connection);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), answer)
            .await
            .is_err()
    );
    server.resume()?;
    eventually(DEADLINE, "Redis answers again", || async {
        let mut connection = server.connection().await?;
        Ok(redis::cmd("PING").query_async::<String>(&mut connection).await?)
    })
    .await?;
    ping = redis::cmd("GET");
    let mut over_socket = redis::Client::open(server.unix_url())?
        .get_multiplexed_async_connection()
        .await?;
    assert_eq!(
        ping.arg("none")
            .query_async::<Option<String>>(&mut over_socket)
            .await?,
        None
    );
    Ok(())
}

#[tokio::test]
async fn each_test_gets_an_empty_database_of_its_own() -> anyhow::Result<()> {
    let (sqlite, first, second) = (
        TestDatabase::sqlite()?,
        TestDatabase::postgres().await?,
        TestDatabase::postgres().await?,
    );
    assert_ne!(first.url(), second.url());
    for database in [&sqlite, &first, &second] {
        let connection = database.connect().await?;
        connection
            .execute_unprepared("create table canary (word text)")
            .await?;
        connection
            .execute_unprepared("insert into canary values ('c4n4ry')")
            .await?;
        connection.close().await?;
        let dump = database.dump().await?;
        assert!(
            dump.windows(6).any(|window| window == b"c4n4ry"),
            "{:?}",
            database.kind()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_postgres_that_crashed_comes_back_with_what_was_committed() -> anyhow::Result<()> {
    let mut cluster = Postgres::start().await?;
    let url = cluster.create_database().await?;
    let connection = sea_orm::Database::connect(&url).await?;
    connection
        .execute_unprepared("create table kept (word text)")
        .await?;
    cluster.crash().await?;
    let mut options = sea_orm::ConnectOptions::new(&url);
    options
        .connect_timeout(Duration::from_secs(1))
        .acquire_timeout(Duration::from_secs(1));
    assert!(sea_orm::Database::connect(options).await.is_err());
    cluster.start_again().await?;
    let connection = sea_orm::Database::connect(&url).await?;
    connection
        .execute_unprepared("insert into kept values ('kept')")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_second_engine_answers_over_mutual_tls_and_survives_a_kill() -> anyhow::Result<()> {
    let here = engine().await?;
    let mut remote = RemoteEngine::start().await?;
    let there = remote.engine().await?;
    let (id, other) = (
        here.docker().info().await?.docker_root_dir,
        there.docker().info().await?.docker_root_dir,
    );
    assert_ne!(id, other);

    let plain = reqwest::Client::builder()
        .no_proxy()
        .danger_accept_invalid_certs(true)
        .build()?;
    let without_certificate = plain
        .get(format!("https://127.0.0.1:{}/info", remote.port()))
        .send()
        .await;
    assert!(
        without_certificate.is_err(),
        "a client without a certificate is refused"
    );

    remote.kill()?;
    assert!(there.docker().ping().await.is_err());
    remote.start_again().await?;
    assert_eq!(
        remote.engine().await?.docker().info().await?.docker_root_dir,
        other
    );
    Ok(())
}
