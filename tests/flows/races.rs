//! Decisions that meet in the database, where several processes write to it.

use secrecy::ExposeSecret as _;
use unhook::{
    domain::{Desired, Verdict},
    triage::overturn,
};

use super::the_campaign;
use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

/// Has whoever sets what reporters are told wait for the test: in the triage
/// step that is after it has joined the campaign and before it commits.
const BARRIER: &str = "
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$;
    CREATE TRIGGER wait_for_test BEFORE UPDATE OF status ON report
        FOR EACH ROW EXECUTE FUNCTION wait_for_test();";

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn f69_a_submission_that_joins_gets_the_verdict_that_is_set_meanwhile() {
    let sim = tenant(20, 8, None);
    let Some(stage) = Stage::new(&sim, Backend::Postgres).await else {
        return;
    };
    let reporters = sim.reporters();
    let accept = async |at: usize| {
        let report = click(&reporters[at], sim.tenant_id());
        let id = stage.desk.accept(report).await.expect("accepted").id;
        let rows = stage.app.store.read(stage.app.tenant);
        rows.report(id)
            .await
            .expect("read")
            .expect("there")
            .submission
    };
    let first = accept(0).await;
    stage.drain().await;
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Malicious);

    let url = stage.app.config.database.url.expose_secret();
    let pool = sqlx::PgPool::connect(url).await.expect("PostgreSQL");
    sqlx::raw_sql(BARRIER)
        .execute(&pool)
        .await
        .expect("barrier");
    let mut gate = pool.acquire().await.expect("connection");
    sqlx::raw_sql("SELECT pg_advisory_lock(42)")
        .execute(&mut *gate)
        .await
        .expect("closed");
    let waiting = async || {
        sqlx::query_scalar::<_, i64>(WAITING)
            .fetch_one(&pool)
            .await
            .expect("count")
    };

    let second = accept(1).await;
    let workers = stage.workers.clone();
    let joining = tokio::spawn(async move { workers.drain().await });
    while waiting().await < 1 {
        assert!(!joining.is_finished(), "it never came to the gate");
    }
    let app = stage.app.clone();
    let deciding = tokio::spawn(async move {
        overturn::set_verdict(&app, first, Verdict::Benign, "key_test", "a mistake").await
    });
    while !deciding.is_finished() && waiting().await < 2 {}
    sqlx::raw_sql("SELECT pg_advisory_unlock(42)")
        .execute(&mut *gate)
        .await
        .expect("open");
    joining.await.expect("joined");
    deciding.await.expect("joined").expect("decided");
    stage.drain().await;

    let rows = stage.app.store.read(stage.app.tenant);
    let campaign = the_campaign(&stage).await;
    assert_eq!(campaign.verdict, Verdict::Benign);
    let joined = rows.submission(second).await.expect("read").expect("there");
    assert_eq!(joined.campaign, Some(campaign.id));
    assert_eq!(
        joined.verdict,
        Some(Verdict::Benign),
        "one campaign, one verdict"
    );
    let copies = rows.pulls_of_submission(second).await.expect("read");
    assert!(copies.iter().all(|copy| copy.desired == Desired::InPlace));
    assert!(sim.truth().all_in_place(), "{:#?}", sim.truth().planted);
}
