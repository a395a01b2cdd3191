//! One operator leads; nobody writes in steady state.

use crate::fixture::{INTEGRATION, Operator, PATIENCE, Plant};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Short, so that the test does not take long; long enough for a loaded machine to renew it.
const LEASE: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn when_nothing_changes_nothing_is_written() -> Result<()> {
    let plant = Plant::new("steady").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    // The release's status and the last events come a moment later.
    sleep(Duration::from_secs(3)).await;
    let before = operator.budget.spent();
    sleep(Duration::from_secs(10)).await;
    let after = operator.budget.spent();
    println!(
        "{before} writes for an install, {} in the 10 s after it",
        after - before
    );
    ensure!(
        before > 8,
        "an install of {before} writes cannot have happened"
    );
    ensure!(
        after == before,
        "{} writes while nothing changed",
        after - before
    );
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_leader_writes_and_a_standby_takes_over() -> Result<()> {
    let plant = Plant::new("leader").await?;
    let first = Operator::with_lease(&plant, "one", u64::MAX, LEASE).await?;
    plant.runs("1.0.0").await?;
    let second = Operator::with_lease(&plant, "two", u64::MAX, LEASE).await?;
    sleep(Duration::from_secs(5)).await;
    ensure!(
        second.budget.spent() == 0,
        "the standby wrote {} times",
        second.budget.spent()
    );

    // Resigned: the standby needs not wait until the lease runs out.
    first.stop().await?;
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("1.1.0"))
        .await?;
    plant.runs("1.1.0").await?;
    ensure!(second.budget.spent() > 0);

    // Dead without a word: the next one waits until the lease has run out, on its own clock.
    let third = Operator::with_lease(&plant, "three", u64::MAX, LEASE).await?;
    let began = Instant::now();
    second.kill();
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("1.0.0"))
        .await?;
    while third.budget.spent() == 0 {
        ensure!(began.elapsed() < PATIENCE, "nobody took over");
        sleep(Duration::from_millis(50)).await;
    }
    let took = began.elapsed();
    println!(
        "took over {:.1} s after a crash; the lease lasts {} s",
        took.as_secs_f64(),
        LEASE.as_secs()
    );
    ensure!(
        took >= LEASE / 2,
        "took over before the lease can have run out: {took:?}"
    );
    plant.runs("1.0.0").await?;
    third.stop().await?;
    plant.end().await
}
