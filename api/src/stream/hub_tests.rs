use testkit::harness::RedisServer;

use super::*;

struct Fixture {
    server: RedisServer,
    redis: ConnectionManager,
    hub: Hub,
    shutdown: Shutdown,
}

impl Fixture {
    async fn start() -> anyhow::Result<Self> {
        let server = RedisServer::start().await?;
        let redis = ConnectionManager::new(redis::Client::open(server.url())?).await?;
        let shutdown = Shutdown::new();
        let hub = Hub::start(server.url().into(), redis.clone(), &shutdown);
        Ok(Self {
            server,
            redis,
            hub,
            shutdown,
        })
    }

    /// Adds `count` entries in one go; the answer is the last one's id.
    async fn add(&self, key: &str, count: usize) -> anyhow::Result<EntryId> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for _ in 0..count {
            pipeline.xadd(key, "*", &[("n", "1")]);
        }
        let ids: Vec<String> = pipeline.query_async(&mut self.redis.clone()).await?;
        let last = ids.last().and_then(|id| id.parse().ok());
        last.ok_or_else(|| anyhow::anyhow!("nothing was added"))
    }

    async fn subscribe(&self, key: &str) -> anyhow::Result<Subscription> {
        let mut subscription = self.hub.subscribe(key.to_owned()).await?;
        tokio::time::timeout(PATIENCE, subscription.ready()).await?;
        Ok(subscription)
    }
}

async fn next(subscription: &mut Subscription) -> anyhow::Result<Signal> {
    Ok(tokio::time::timeout(PATIENCE * 2, subscription.next()).await?)
}

#[tokio::test]
async fn a_follower_hears_of_its_own_stream_what_is_added_from_then_on() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    fixture.add("a", 1).await?;
    let mut one = fixture.subscribe("a").await?;
    // While the hub is in a read that does not know of this one.
    let mut other = fixture.subscribe("b").await?;
    let (first, second) = (fixture.add("a", 1).await?, fixture.add("b", 1).await?);
    assert!(matches!(next(&mut one).await?, Signal::Entry(id, _) if id == first));
    assert!(matches!(next(&mut other).await?, Signal::Entry(id, _) if id == second));
    Ok(())
}

#[tokio::test]
async fn a_follower_that_is_too_slow_is_told_so_and_hears_what_comes_then() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let (mut slow, mut quick) = (fixture.subscribe("a").await?, fixture.subscribe("a").await?);
    let mut last = EntryId::default();
    for _ in 0..2 * CAPACITY / 100 {
        last = fixture.add("a", 100).await?;
        while !matches!(next(&mut quick).await?, Signal::Entry(id, _) if id == last) {}
    }
    assert!(matches!(next(&mut slow).await?, Signal::Lost(place) if place == last));
    let later = fixture.add("a", 1).await?;
    assert!(matches!(next(&mut slow).await?, Signal::Entry(id, _) if id == later));
    Ok(())
}

#[tokio::test]
async fn a_flood_is_told_as_one_loss() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let mut follower = fixture.subscribe("a").await?;
    let last = fixture.add("a", 20 * CAPACITY).await?;
    assert!(matches!(next(&mut follower).await?, Signal::Lost(place) if place == last));
    let later = fixture.add("a", 1).await?;
    assert!(matches!(next(&mut follower).await?, Signal::Entry(id, _) if id == later));
    Ok(())
}

#[tokio::test]
async fn what_nobody_follows_is_forgotten_and_the_hub_ends_with_the_process() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let (one, other) = (fixture.subscribe("a").await?, fixture.subscribe("a").await?);
    drop(one);
    assert_eq!(fixture.hub.topics().len(), 1);
    drop(other);
    assert!(fixture.hub.topics().is_empty());
    // Followed again while the read of the first time still waits.
    let mut again = fixture.subscribe("a").await?;
    let id = fixture.add("a", 1).await?;
    assert!(matches!(next(&mut again).await?, Signal::Entry(found, _) if found == id));
    let keys = fixture.server.keys().await?;
    assert!(keys.contains(&fixture.hub.0.wake_key), "{keys:?}");
    let ttl: i64 = fixture.redis.clone().ttl(&fixture.hub.0.wake_key).await?;
    assert!(ttl > 0 && ttl.unsigned_abs() <= WAKE_TTL.as_secs(), "{ttl}");
    assert!(fixture.shutdown.finish(PATIENCE).await);
    Ok(())
}
