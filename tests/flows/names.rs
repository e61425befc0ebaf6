//! A stranger who bears the name of somebody in the directory.

use unhook::{
    domain::Verdict,
    sim::Organisation,
    store::{
        PageRequest,
        submission::{Submission, SubmissionFilter},
    },
    triage::overturn,
};

use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

fn mail(name: &str) -> Vec<u8> {
    format!(
        "From: \"{name}\" <office.desk4@gmail.com>\r\nTo: staff@northwind.example\r\n\
         Subject: Are you there?\r\nMessage-ID: <favour-1@mail.gmail.example>\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         Are you at your desk? I am in a meeting and cannot talk. I need you to purchase \
         five gift cards for our clients this morning. Scratch the back of each and send \
         me the codes, I will see that you get the money back tonight.\r\n"
    )
    .into_bytes()
}

async fn submissions(stage: &Stage) -> Vec<Submission> {
    let rows = stage.app.store.read(stage.app.tenant);
    let filter = SubmissionFilter::default();
    let found = rows.submissions(&filter, &PageRequest::first(10)).await;
    found.expect("read").items
}

/// Signals of the first submission, after one report of the mail.
async fn signals(backend: Backend, name: &str) -> Option<Vec<String>> {
    let sim = tenant(20, 6, Some(mail(name)));
    let stage = Stage::new(&sim, backend).await?;
    // the directory is read before anybody reports
    stage.drain().await;
    let reporters = sim.reporters();
    let first = click(&reporters[0], sim.tenant_id());
    stage.desk.accept(first).await.expect("accepted");
    stage.drain().await;
    let submission = submissions(&stage).await.remove(0);
    let assessment = submission.assessment.clone().expect("assessed");
    assert!(
        assessment
            .signals
            .iter()
            .all(|s| s.id != "sender.was_malicious"),
        "nobody has reported the address before"
    );

    // what an analyst says of it counts for the next mail of the address
    overturn::set_verdict(
        &stage.app,
        submission.id,
        Verdict::Malicious,
        "key_test",
        "gift cards",
    )
    .await
    .expect("decided");
    stage.drain().await;
    let second = click(&reporters[1], sim.tenant_id());
    stage.desk.accept(second).await.expect("accepted");
    stage.drain().await;
    let later = submissions(&stage).await;
    let later = later.iter().find(|one| one.id != submission.id);
    let later = later
        .and_then(|one| one.assessment.as_ref())
        .expect("assessed");
    assert!(
        later.signals.iter().any(|s| s.id == "sender.was_malicious"),
        "{:#?}",
        later.signals
    );
    Some(assessment.signals.into_iter().map(|s| s.id).collect())
}

async fn borrowed(backend: Backend) {
    let person = Organisation::generate(20, 7).users.remove(3);
    let turned = format!("{}, {}", person.family.to_uppercase(), person.given);
    let Some(found) = signals(backend, &turned).await else {
        return;
    };
    for id in ["sender.person_name_freemail", "fraud.gift_cards"] {
        assert!(found.iter().any(|known| known == id), "{id}: {found:?}");
    }
    let other = signals(backend, "Xaver Niemandsson")
        .await
        .expect("as before");
    assert!(
        !other.iter().any(|id| id.contains("person_name")),
        "{other:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_directory_borrowed_by_a_stranger_is_seen() {
    borrowed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_directory_borrowed_by_a_stranger_is_seen_on_postgres() {
    borrowed(Backend::Postgres).await;
}
