//! One story of rows, told on SQLite and on PostgreSQL.

mod budgets;
mod leases;
mod migrations;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use unhook::{
    clock::{Clock as _, ManualClock},
    domain::{
        CampaignId, Desired, Locator, MailboxRef, Observed, Place, Provider, PullId, PullRole,
        ReportClient, TenantId,
    },
    intake::{Desk, IntakeError, NewReport},
    jobs::{self, Wake},
    store::{PageRequest, StoreError, pull::Pull, staged::Due, submission::SubmissionFilter},
};

use crate::support::database::{Backend, Fresh, fresh};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a time")
}

fn report(item: &str, key: Option<&str>) -> NewReport {
    NewReport {
        client: ReportClient::Api,
        reporter: "entra:t:1".to_owned(),
        guest: false,
        mailbox: None,
        item_id: Some(item.to_owned()),
        internet_message_id: None,
        reason: None,
        comment: Some("looks odd".to_owned()),
        raw: Some(Bytes::from_static(b"Subject: x\r\n\r\nbody")),
        idempotency_key: key.map(str::to_owned),
    }
}

struct Story {
    fresh: Fresh,
    tenant: TenantId,
    clock: ManualClock,
}

impl Story {
    async fn begin(backend: Backend) -> Option<Self> {
        let fresh = fresh(backend).await?;
        let tenant = fresh
            .store
            .ensure_tenant("northwind", start())
            .await
            .expect("tenant");
        let again = fresh
            .store
            .ensure_tenant("northwind", start())
            .await
            .expect("tenant");
        assert_eq!(tenant, again, "a tenant is made once");
        Some(Self {
            fresh,
            tenant,
            clock: ManualClock::at(start()),
        })
    }

    fn desk(&self) -> Desk {
        Desk::open(
            self.fresh.store.clone(),
            self.tenant,
            std::sync::Arc::new(self.clock.clone()),
            Wake::default(),
        )
    }
}

async fn reports_are_one_a_click(story: &Story) {
    let desk = story.desk();
    let first = desk
        .accept(report("AAA", Some("k1")))
        .await
        .expect("stored");
    assert!(first.new);
    let retry = desk
        .accept(report("AAA", Some("k1")))
        .await
        .expect("the same");
    assert_eq!((retry.id, retry.new), (first.id, false));
    let other_key = desk
        .accept(report("AAA", Some("k2")))
        .await
        .expect("the same message");
    assert_eq!(other_key.id, first.id);
    assert_eq!(
        desk.accept(report("BBB", Some("k1"))).await,
        Err(IntakeError::KeyReused)
    );

    // Many at once, some of them twice: one row each.
    let mut answers = Vec::new();
    for n in 0..40 {
        let desk = desk.clone();
        answers.push(tokio::spawn(async move {
            desk.accept(report(&format!("item{}", n % 20), None)).await
        }));
    }
    for answer in answers {
        answer.await.expect("joined").expect("stored");
    }
    let rows = story.fresh.store.read(story.tenant);
    let mut page = PageRequest::first(8);
    let mut seen = 0;
    loop {
        let found = rows.reports(Some("entra:t:1"), &page).await.expect("page");
        seen += found.items.len();
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    assert_eq!(
        seen, 21,
        "one report a message, whatever the order of arrival"
    );
    let other = TenantId::new(start());
    let foreign = story.fresh.store.read(other);
    assert!(
        foreign.report(first.id).await.expect("read").is_none(),
        "another tenant sees nothing"
    );
    let all = SubmissionFilter::default();
    assert_eq!(foreign.count_submissions(&all).await.expect("count"), 0);
}

async fn leases_fence_off_a_slow_worker(story: &Story) {
    let store = &story.fresh.store;
    let lease = TimeDelta::seconds(60);
    let claimed = store
        .claim_jobs(story.clock.now(), lease, 100)
        .await
        .expect("claim");
    assert_eq!(claimed.len(), 21, "one triage job a submission");
    assert!(claimed.iter().all(|l| l.kind == jobs::TRIAGE));
    let none = store
        .claim_jobs(story.clock.now(), lease, 100)
        .await
        .expect("claim");
    assert!(none.is_empty(), "what is claimed is not claimed twice");

    let slow = claimed.first().expect("one").clone();
    story.clock.advance(TimeDelta::seconds(61));
    let later = store
        .claim_jobs(story.clock.now(), lease, 100)
        .await
        .expect("claim");
    assert_eq!(later.len(), 21, "an ended lease is taken over");
    let tx = store.begin().await.expect("tx");
    let refused = tx.finish_job(&slow, story.clock.now()).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
    drop(tx);

    // Asked for again while it runs: it runs once more, not twice at once.
    let mine = later.first().expect("one").clone();
    let submission = mine.target.parse().expect("a submission");
    let tx = store.begin().await.expect("tx");
    let ask = vec![jobs::triage(submission, story.clock.now())];
    tx.of(story.tenant)
        .enqueue(ask, story.clock.now())
        .await
        .expect("queued");
    tx.commit().await.expect("commit");
    let tx = store.begin().await.expect("tx");
    tx.finish_job(&mine, story.clock.now())
        .await
        .expect("finished");
    tx.commit().await.expect("commit");
    let again = store
        .claim_jobs(story.clock.now(), lease, 100)
        .await
        .expect("claim");
    assert_eq!(
        again.iter().map(|l| &l.target).collect::<Vec<_>>(),
        vec![&mine.target]
    );

    for lease in later.iter().skip(1).chain(&again) {
        let tx = store.begin().await.expect("tx");
        tx.finish_job(lease, story.clock.now())
            .await
            .expect("finished");
        tx.commit().await.expect("commit");
    }
    assert_eq!(
        store.next_job_due().await.expect("due"),
        None,
        "the queue is empty"
    );
}

async fn a_job_that_kills_its_worker_parks(story: &Story) {
    let store = &story.fresh.store;
    let tx = store.begin().await.expect("tx");
    let mut poison = jobs::triage(
        unhook::domain::SubmissionId::new(start()),
        story.clock.now(),
    );
    poison.max_attempts = 3;
    tx.of(story.tenant)
        .enqueue(vec![poison], story.clock.now())
        .await
        .expect("queued");
    tx.commit().await.expect("commit");
    for _ in 0..3 {
        let claimed = store
            .claim_jobs(story.clock.now(), TimeDelta::seconds(60), 10)
            .await
            .expect("claim");
        assert_eq!(claimed.len(), 1);
        story.clock.advance(TimeDelta::seconds(61));
    }
    let claimed = store
        .claim_jobs(story.clock.now(), TimeDelta::seconds(60), 10)
        .await
        .expect("claim");
    assert!(claimed.is_empty(), "it no longer runs");
    let parked = store
        .read(story.tenant)
        .parked_jobs()
        .await
        .expect("parked");
    assert_eq!(parked.len(), 1, "and it is visible");
}

async fn a_copy_is_one_row_and_a_decision_is_not_overwritten(story: &Story) {
    let store = &story.fresh.store;
    let mailbox = MailboxRef::new(
        Provider::Gmail,
        "a@x.example",
        "a@x.example".parse().expect("address"),
    )
    .expect("mailbox");
    let campaign = CampaignId::new(start());
    let mut pull = Pull {
        id: PullId::new(start()),
        campaign: Some(campaign),
        submission: None,
        locator: Locator::new(mailbox, "CaseSensitive").expect("locator"),
        role: PullRole::Copy,
        desired: Desired::Pulled,
        observed: Observed::Found,
        original: None,
        quarantine: None,
        evidence_sha256: None,
        decision_version: 1,
        matched_by: "test".to_owned(),
        attempts: 0,
        run_after: start(),
        last_error: None,
        found_at: start(),
        intent_at: None,
        settled_at: None,
        sighting: None,
        rank: 0,
        verified_at: None,
        calendar: None,
    };
    let tx = store.begin().await.expect("tx");
    let rows = tx.of(story.tenant);
    assert_eq!(
        rows.insert_new_pulls(std::slice::from_ref(&pull))
            .await
            .expect("insert"),
        1
    );
    let twin = Pull {
        id: PullId::new(start()),
        ..pull.clone()
    };
    assert_eq!(
        rows.insert_new_pulls(&[twin]).await.expect("insert"),
        0,
        "the same copy"
    );
    let other = Pull {
        id: PullId::new(start()),
        locator: Locator::new(pull.locator.mailbox.clone(), "casesensitive").expect("locator"),
        ..pull.clone()
    };
    assert_eq!(
        rows.insert_new_pulls(std::slice::from_ref(&other))
            .await
            .expect("insert"),
        1,
        "ids keep their case"
    );
    tx.commit().await.expect("commit");

    // An analyst flips the decision while the pull is on its way.
    let tx = store.begin().await.expect("tx");
    tx.of(story.tenant)
        .desire(campaign, Desired::InPlace, 2, story.clock.now())
        .await
        .expect("desire");
    tx.commit().await.expect("commit");
    pull.observed = Observed::Pulled;
    pull.quarantine = Some("Label_1".to_owned());
    pull.original = Some(Place {
        containers: vec!["INBOX".to_owned()],
        names: Vec::new(),
        read: false,
        flagged: true,
        categories: Vec::new(),
    });
    pull.settled_at = Some(story.clock.now());
    let tx = store.begin().await.expect("tx");
    tx.of(story.tenant).save_pull(&pull).await.expect("save");
    tx.commit().await.expect("commit");
    let rows = store.read(story.tenant);
    let read = rows.pull(pull.id).await.expect("read").expect("there");
    assert_eq!(
        (read.desired, read.observed),
        (Desired::InPlace, Observed::Pulled)
    );
    assert_eq!(read.original, pull.original);
    let due = rows
        .due_pulls(campaign, Due::Free, story.clock.now(), 10)
        .await
        .expect("due");
    assert_eq!(due.iter().map(|p| p.id).collect::<Vec<_>>(), vec![pull.id]);
    let counts = rows.count_pulls(campaign).await.expect("counts");
    assert_eq!((counts.found, counts.pending), (2, 1));

    // The other one was let go before anybody had looked at it: it is the next
    // campaign's to verify, and until then nobody else knows whose it is.
    let rival = CampaignId::new(start());
    let claimed = Pull {
        id: PullId::new(start()),
        campaign: Some(rival),
        ..other.clone()
    };
    let tx = store.begin().await.expect("tx");
    let rows = tx.of(story.tenant);
    let ours = [pull, other];
    let open = rows.unverified_elsewhere(rival, &ours).await;
    assert_eq!(open.expect("read"), vec![claimed.locator.mailbox.clone()]);
    let new = rows.insert_new_pulls(std::slice::from_ref(&claimed)).await;
    assert_eq!(new.expect("insert"), 1);
    let open = rows.unverified_elsewhere(rival, &ours).await;
    assert_eq!(open.expect("read"), []);
    let open = rows.unverified_elsewhere(campaign, &ours).await;
    assert_eq!(open.expect("read"), [claimed.locator.mailbox]);
}

async fn story(backend: Backend) {
    let Some(story) = Story::begin(backend).await else {
        return;
    };
    reports_are_one_a_click(&story).await;
    leases_fence_off_a_slow_worker(&story).await;
    a_job_that_kills_its_worker_parks(&story).await;
    a_copy_is_one_row_and_a_decision_is_not_overwritten(&story).await;
}

#[tokio::test]
async fn the_story_holds_on_sqlite() {
    story(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_story_holds_on_postgres() {
    story(Backend::Postgres).await;
}
