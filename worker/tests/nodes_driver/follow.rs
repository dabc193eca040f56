//! Logs that are followed while they are written, on a real engine and a real Redis.

use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::LogStreamId;
use domain::logs::{BATCH_FIELD, LogBatch, LogEnd};
use domain::redis_keys::{self, LOGS_MAX_LEN};
use redis::AsyncCommands as _;
use redis::streams::{StreamReadOptions, StreamReadReply};
use runner_pilot_worker::context::redis_connection;
use runner_pilot_worker::follow::{Beginning, Followers, Outlet, follow_container};
use runner_pilot_worker::nodes::{ExecCommand, OwnedContainer};
use testkit::harness::{RedisServer, eventually};

use super::place::{Place, SOON};

/// Somebody who looks at a log.
struct Viewer {
    redis: RedisServer,
    id: LogStreamId,
    place: String,
    followers: Followers,
}

impl Viewer {
    async fn new() -> Self {
        let viewer = Self {
            redis: RedisServer::start().await.unwrap(),
            id: LogStreamId::new(),
            place: "0".to_owned(),
            followers: Followers::default(),
        };
        let mut redis = viewer.redis.connection().await.unwrap();
        let _: () = redis.set(redis_keys::logs_lease(&viewer.id), "1").await.unwrap();
        viewer
    }

    fn follow(&self, place: &Place, container: &OwnedContainer, tail: u32) {
        self.begin(place, container, Beginning { tail, after: None });
    }

    fn begin(&self, place: &Place, container: &OwnedContainer, beginning: Beginning) {
        let outlet = Outlet::new(redis_connection(&self.redis.url()).unwrap(), &self.id);
        let (engine, container) = (place.engine.clone(), container.clone());
        assert!(self.followers.begin(|stopping| async move {
            follow_container(&engine, &container, beginning, &outlet, &stopping).await;
        }));
    }

    /// What came since the last time.
    async fn next(&mut self) -> Vec<LogBatch> {
        let mut redis = self.redis.connection().await.unwrap();
        let options = StreamReadOptions::default();
        let keys = [redis_keys::logs(&self.id)];
        let reply: Option<StreamReadReply> = redis
            .xread_options(&keys, &[&self.place], &options)
            .await
            .unwrap();
        let entries = reply
            .into_iter()
            .flat_map(|reply| reply.keys)
            .flat_map(|key| key.ids);
        entries
            .map(|entry| {
                self.place.clone_from(&entry.id);
                let json: String = entry.get(BATCH_FIELD).unwrap();
                serde_json::from_str(&json).unwrap()
            })
            .collect()
    }

    /// Everything until this holds of all that came.
    async fn until(&mut self, done: impl Fn(&[LogBatch]) -> bool) -> Vec<LogBatch> {
        let mut seen = Vec::new();
        let waiting = async {
            let mut looks = tokio::time::interval(Duration::from_millis(50));
            while !done(&seen) {
                looks.tick().await;
                seen.extend(self.next().await);
            }
        };
        let outcome = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        assert!(outcome.is_ok(), "{} batches came", seen.len());
        seen
    }

    async fn until_nothing_is_followed(&self, patience: Duration) {
        eventually(patience, "nothing is followed", || async {
            anyhow::ensure!(self.followers.count() == 0, "still followed");
            Ok(())
        })
        .await
        .unwrap();
    }
}

fn lines(batches: &[LogBatch]) -> Vec<&str> {
    batches
        .iter()
        .flat_map(|batch| &batch.lines)
        .map(String::as_str)
        .collect()
}

fn skipped(batches: &[LogBatch]) -> u64 {
    batches.iter().map(|batch| batch.skipped).sum()
}

fn end(batches: &[LogBatch]) -> Option<LogEnd> {
    batches.iter().find_map(|batch| batch.end)
}

#[tokio::test]
async fn lines_come_while_they_are_written_and_end_with_the_container() {
    let place = Place::new().await;
    let mut viewer = Viewer::new().await;
    let container = place
        .run("echo one; while ! [ -e /go ]; do sleep 1; done; echo ghp_0123456789abcdefWXYZ; sleep 3")
        .await;
    viewer.follow(&place, &container, 100);
    let begun = viewer.until(|seen| lines(seen).contains(&"one")).await;
    assert_eq!((begun[0].lines.len(), end(&begun)), (0, None));
    let go = ExecCommand {
        command: ["/bin/sh", "-c", ": > /go"].map(str::to_owned).to_vec(),
        ..ExecCommand::default()
    };
    let gone = place.engine.exec(&container, go, SOON).await.unwrap();
    assert_eq!(gone.exit_code, 0, "{gone:?}");
    let rest = viewer.until(|seen| end(seen).is_some()).await;
    assert_eq!(lines(&rest), ["ghp_[redacted]"]);
    assert_eq!(end(&rest), Some(LogEnd::Ended));
    viewer.until_nothing_is_followed(SOON).await;
}

#[tokio::test]
async fn of_a_log_of_100_000_lines_the_end_is_shown_and_nothing_is_lost_in_silence() {
    let place = Place::new().await;
    // Together more than one batch holds.
    let long = |number: &str| format!("{number} {}", "x".repeat(60));
    let script = format!(
        "seq 1 100000 | sed 's/$/ {}/'; echo end; sleep 300",
        "x".repeat(60)
    );
    let container = place.run(&script).await;
    eventually(SOON, "the log is written", || async {
        let tail = place.engine.tail_logs(&container, 1, 100).await?;
        anyhow::ensure!(tail == "end\n", "{tail}");
        Ok(())
    })
    .await
    .unwrap();
    let mut viewer = Viewer::new().await;
    viewer.follow(&place, &container, 5_000);
    let seen = viewer
        .until(|seen| lines(seen).len() as u64 + skipped(seen) >= 5_000)
        .await;
    assert_eq!((lines(&seen).len(), skipped(&seen)), (5_000, 0));
    assert_eq!(
        (lines(&seen)[0], lines(&seen)[4_999]),
        (long("95002").as_str(), "end")
    );
    viewer.followers.stop();
    let last = viewer.until(|seen| end(seen).is_some()).await;
    assert_eq!(end(&last), Some(LogEnd::WorkerStopped));
}

#[tokio::test]
async fn who_looks_again_goes_on_after_the_last_line_and_hears_of_a_gap() {
    let place = Place::new().await;
    let container = place.run("seq 1 40; sleep 300").await;
    // Who comes while it is written is told the rest of it too.
    eventually(SOON, "the log is written", || async {
        let tail = place.engine.tail_logs(&container, 1, 100).await?;
        anyhow::ensure!(tail == "40\n", "{tail}");
        Ok(())
    })
    .await
    .unwrap();
    let mut viewer = Viewer::new().await;
    viewer.follow(&place, &container, 20);
    let seen = viewer.until(|seen| lines(seen).contains(&"40")).await;
    assert_eq!((lines(&seen)[0], lines(&seen).len()), ("21", 20));
    let last = seen.iter().filter_map(|batch| batch.last).max();
    let again = |tail, after| Beginning { tail, after };
    // Nothing new: nothing is told twice.
    let mut other = Viewer::new().await;
    other.begin(&place, &container, again(20, last));
    let silent = other.until(|seen| !seen.is_empty()).await;
    other.followers.stop();
    let ended = other.until(|seen| end(seen).is_some()).await;
    assert_eq!(
        (lines(&silent).len(), lines(&ended).len(), skipped(&ended)),
        (0, 0, 0)
    );
    // Away for so long that the line which was seen last is out of reach.
    let long_ago = last.map(|last| last - TimeDelta::minutes(1));
    let mut late = Viewer::new().await;
    late.begin(&place, &container, again(5, long_ago));
    let seen = late.until(|seen| lines(seen).contains(&"40")).await;
    assert_eq!(
        (lines(&seen), skipped(&seen)),
        (vec!["36", "37", "38", "39", "40"], 1)
    );
    late.followers.stop();
    viewer.followers.stop();
}

#[tokio::test]
async fn an_endless_log_stays_within_its_bounds_and_ends_when_nobody_looks() {
    let place = Place::new().await;
    let container = place.run("seq 1 1000000000").await;
    let mut viewer = Viewer::new().await;
    viewer.follow(&place, &container, 10);
    let seen = viewer.until(|seen| seen.len() > 40).await;
    // Numbers count up: nothing comes twice, however much is left out.
    let numbers: Vec<u64> = lines(&seen).iter().map(|line| line.parse().unwrap()).collect();
    let fallen = numbers.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(fallen, None);
    let largest = seen
        .iter()
        .map(|batch| batch.lines.iter().map(String::len).sum::<usize>());
    assert!(largest.max() <= Some(128 << 10));
    let mut redis = viewer.redis.connection().await.unwrap();
    let key = redis_keys::logs(&viewer.id);
    let kept: usize = redis.xlen(&key).await.unwrap();
    assert!(kept <= LOGS_MAX_LEN, "{kept}");
    let _: () = redis.del(redis_keys::logs_lease(&viewer.id)).await.unwrap();
    viewer.until_nothing_is_followed(Duration::from_secs(15)).await;
    let ttl: i64 = redis.ttl(&key).await.unwrap();
    assert!((1..=60).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_redis_that_goes_away_ends_the_following() {
    let place = Place::new().await;
    let container = place.run("while :; do echo line; sleep 1; done").await;
    let mut viewer = Viewer::new().await;
    viewer.follow(&place, &container, 10);
    viewer.until(|seen| lines(seen).contains(&"line")).await;
    viewer.redis.kill().unwrap();
    viewer.until_nothing_is_followed(Duration::from_secs(20)).await;
}
