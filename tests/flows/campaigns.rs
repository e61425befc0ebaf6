//! What belongs to one attack: what joins a case and why, what a person takes apart and
//! together, and who clicked.

use unhook::{
    domain::{CampaignId, SubmissionId, Verdict},
    intake::NewReport,
    sim::{Reporter, Sim, Slot},
    store::{
        PageRequest,
        campaign::Campaign,
        membership::{How, Membership},
        submission::Submission,
    },
    triage::{
        clicks::{import, people, read_csv},
        grouping::{GroupingError, Order, merge, remove, split},
        overturn::set_verdict,
    },
};

use crate::support::{
    database::Backend,
    stage::{Stage, click, tenant},
};

const ORDER: Order<'_> = Order {
    actor: "key_rita",
    reason: "looked at both",
};

struct Letter<'l> {
    id: &'l str,
    from: &'l str,
    host: &'l str,
    name: &'l str,
    text: &'l str,
}

const TEXT: &str = "I have added the two points that we spoke about on Tuesday, and moved the \
    meeting with the suppliers to the week after next. The figures for the north are in the \
    second part, those for the south follow as soon as the warehouse has counted. Whoever \
    wants to change something does so in the paper itself before the end of the week.";

const SEED: Letter<'_> = Letter {
    id: "seed-1@partner.example",
    from: "Bob Miller <bob@partner.example>",
    host: "files.partner-place.example",
    name: "Erika",
    text: TEXT,
};

impl Letter<'_> {
    fn raw(&self, to: &str) -> Vec<u8> {
        let Self {
            id,
            from,
            host,
            name,
            text,
        } = self;
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Minutes of the meeting for {name}\r\n\
             Message-ID: <{id}>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0000\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
             <p>Hello {name},</p>\r\n<p>{text}</p>\r\n\
             <p><a href=\"https://{host}/shared/minutes/open?doc={name}\">The paper</a></p>\r\n\
             <p>Best regards<br>Bob</p>\r\n"
        )
        .into_bytes()
    }
}

/// The same words as links go, without any link.
fn words(from: usize) -> String {
    let word = |n: usize| -> String {
        let digits = n.to_string();
        let letters = digits.bytes().flat_map(|b| [b'k' + b - b'0', b'a']);
        letters.map(char::from).collect()
    };
    let all: Vec<String> = (from..from + 100).map(word).collect();
    all.join(" ")
}

fn plain(id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: Bob Miller <bob@partner.example>\r\nTo: staff@northwind.example\r\n\
         Subject: Minutes of the meeting\r\nMessage-ID: <{id}>\r\n\
         Date: Mon, 16 Nov 2026 09:00:00 +0000\r\n\r\n{text}\r\n"
    )
    .into_bytes()
}

struct Desk {
    sim: Sim,
    stage: Stage,
}

impl Desk {
    async fn open(backend: Backend) -> Option<Self> {
        let sim = tenant(20, 2, None);
        let stage = Stage::new(&sim, backend).await?;
        Some(Self { sim, stage })
    }

    fn reporter(&self, at: usize) -> Reporter {
        self.sim.reporters().remove(at)
    }

    /// Puts a message into a reporter's mailbox and one other, and has it reported.
    async fn report(&self, at: usize, id: &str, raw: &[u8]) -> Submission {
        let mut reporter = self.reporter(at);
        let item = self
            .sim
            .deliver(&reporter.address, raw, Slot::Inbox, false)
            .expect("delivered");
        reporter.item_id = item;
        reporter.internet_message_id = format!("<{id}>");
        let report = NewReport {
            idempotency_key: None,
            ..click(&reporter, self.sim.tenant_id())
        };
        let taken = self.stage.desk.accept(report).await.expect("accepted");
        self.stage.drain().await;
        let rows = self.stage.app.store.read(self.stage.app.tenant);
        let report = rows.report(taken.id).await.expect("read").expect("there");
        self.submission(report.submission).await
    }

    async fn submission(&self, id: SubmissionId) -> Submission {
        let rows = self.stage.app.store.read(self.stage.app.tenant);
        rows.submission(id).await.expect("read").expect("there")
    }

    async fn campaign(&self, of: &Submission) -> Campaign {
        let id = self.submission(of.id).await.campaign.expect("a campaign");
        let rows = self.stage.app.store.read(self.stage.app.tenant);
        rows.campaign(id).await.expect("read").expect("there")
    }

    async fn why(&self, of: &Submission) -> Membership {
        let rows = self.stage.app.store.read(self.stage.app.tenant);
        rows.membership(of.id).await.expect("read").expect("there")
    }

    async fn confirm(&self, of: &Submission) -> CampaignId {
        let app = &self.stage.app;
        set_verdict(app, of.id, Verdict::Malicious, "key_rita", "it is one")
            .await
            .expect("decided");
        self.stage.drain().await;
        self.campaign(of).await.id
    }

    async fn copies(&self, campaign: CampaignId) -> usize {
        let rows = self.stage.app.store.read(self.stage.app.tenant);
        let page = PageRequest::first(200);
        let found = rows.pulls(Some(campaign), &page).await.expect("read");
        found.items.len()
    }
}

async fn variants_are_one_case(backend: Backend) {
    let Some(desk) = Desk::open(backend).await else {
        return;
    };
    let seed = desk
        .report(0, SEED.id, &SEED.raw("a@northwind.example"))
        .await;
    assert_ne!(seed.verdict, Some(Verdict::Malicious), "no obvious attack");
    let case = desk.confirm(&seed).await;
    assert_eq!(desk.why(&seed).await.how, How::Exact);

    let rotated = Letter {
        id: "v1@second-place.example",
        from: "Bob M\u{456}ller <info@second-place.example>",
        host: "cloud.second-place.example",
        name: "Jonas",
        ..SEED
    };
    let raw = rotated.raw("b@northwind.example");
    // ps35: the name is written with a letter that only looks the same
    let bystander = desk
        .sim
        .organisation()
        .users
        .iter()
        .find(|u| desk.sim.reporters().iter().all(|r| r.address != u.address))
        .expect("somebody")
        .address
        .clone();
    desk.sim
        .deliver(&bystander, &raw, Slot::Inbox, false)
        .expect("delivered");
    let variant = desk.report(1, rotated.id, &raw).await;
    let why = desk.why(&variant).await;
    assert_eq!((why.campaign, why.how), (case, How::Variant));
    let told = why.reasons.join("; ");
    for expected in [
        "same template at another host",
        "own text agrees",
        "name looks the same",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    let own = desk.campaign(&variant).await;
    assert_eq!(own.variant_of, Some(case));
    // looked at by a person, and nothing pulled but what was held for its reporter
    assert_eq!(own.verdict, Verdict::Suspicious);
    let rows = desk.stage.app.store.read(desk.stage.app.tenant);
    assert!(rows.remediation_of(own.id).await.expect("read").is_none());
    assert!(desk.copies(own.id).await <= 1);
    let cases = rows.campaigns(None, &PageRequest::first(9)).await;
    let cases = cases.expect("read").items;
    assert_eq!(cases.iter().filter(|c| c.id == case).count(), 1);
    assert!(cases.iter().all(|c| c.id != own.id), "one case, not two");
    assert_eq!(rows.count_members(case).await.expect("read"), 2);
    assert_eq!(rows.count_reports_of_case(case).await.expect("read"), 2);

    // taken apart, it stays apart, and so does what is nearer to it
    let id = split(&desk.stage.app, case, &[variant.id], ORDER)
        .await
        .expect("split");
    assert_eq!(id, own.id);
    assert_eq!(desk.campaign(&variant).await.variant_of, None);
    let why = desk.why(&variant).await;
    assert_eq!((why.campaign, why.how), (own.id, How::Analyst));
    assert_eq!(why.reasons, ["looked at both"]);
    let third = Letter {
        id: "v2@second-place.example",
        name: "Maria",
        ..rotated
    };
    let third = desk
        .report(0, third.id, &third.raw("c@northwind.example"))
        .await;
    assert_ne!(desk.why(&third).await.campaign, case, "{third:?}");
    // confirming the case again does not bring it back either
    desk.confirm(&seed).await;
    assert_eq!(desk.campaign(&variant).await.variant_of, None);

    assert_ne!(desk.why(&third).await.campaign, case);

    // and a person puts it back together
    merge(&desk.stage.app, case, own.id, ORDER)
        .await
        .expect("merged");
    assert_eq!(desk.campaign(&variant).await.variant_of, Some(case));
    assert_eq!(desk.why(&variant).await.campaign, case);
    let refused = merge(&desk.stage.app, own.id, case, ORDER).await;
    assert!(matches!(refused, Err(GroupingError::Variant { .. })));
    let events = rows.timeline(None, Some(case)).await.expect("read");
    for kind in ["joined", "split", "merged"] {
        let line = events.iter().find(|event| event.kind == kind);
        let line = line.unwrap_or_else(|| panic!("no {kind} in {events:#?}"));
        assert!(kind == "joined" || line.actor == "key_rita");
    }
}

#[tokio::test]
async fn ps35_variants_are_one_case_until_a_person_takes_them_apart_on_sqlite() {
    variants_are_one_case(Backend::Sqlite).await;
}

#[tokio::test]
async fn ps35_variants_are_one_case_until_a_person_takes_them_apart_on_postgres() {
    variants_are_one_case(Backend::Postgres).await;
}

#[tokio::test]
async fn ps07_the_far_end_of_a_chain_does_not_join() {
    let desk = Desk::open(Backend::Sqlite).await.expect("SQLite");
    let seed = desk
        .report(0, "c0@x.example", &plain("c0@x.example", &words(0)))
        .await;
    let case = desk.confirm(&seed).await;
    let near = desk
        .report(1, "c1@x.example", &plain("c1@x.example", &words(8)))
        .await;
    assert_eq!(desk.why(&near).await.campaign, case, "like the seed");
    // even with the link of the chain confirmed by a person
    desk.confirm(&near).await;
    let far = desk
        .report(0, "c2@x.example", &plain("c2@x.example", &words(16)))
        .await;
    assert_ne!(
        desk.why(&far).await.campaign,
        case,
        "like the link, not the seed"
    );
    assert_ne!(far.verdict, Some(Verdict::Malicious));
}

#[tokio::test]
async fn ps09_an_empty_message_is_like_none_but_itself() {
    let desk = Desk::open(Backend::Sqlite).await.expect("SQLite");
    let empty = |id: &str| {
        format!("From: bob@partner.example\r\nSubject: Re:\r\nMessage-ID: <{id}>\r\n\r\n")
            .into_bytes()
    };
    let seed = desk.report(0, "e1@x.example", &empty("e1@x.example")).await;
    let case = desk.confirm(&seed).await;
    let other = desk.report(1, "e2@x.example", &empty("e2@x.example")).await;
    assert_ne!(desk.why(&other).await.campaign, case);
    let same = desk.report(1, "e1@x.example", &empty("e1@x.example")).await;
    assert_eq!(desk.why(&same).await.campaign, case);
}

#[tokio::test]
async fn what_was_reported_before_joins_when_the_seed_is_confirmed() {
    let desk = Desk::open(Backend::Sqlite).await.expect("SQLite");
    let early = Letter {
        id: "early@second-place.example",
        from: "Bob Miller <info@second-place.example>",
        host: "cloud.second-place.example",
        ..SEED
    };
    let early = desk
        .report(0, early.id, &early.raw("a@northwind.example"))
        .await;
    let seed = desk
        .report(1, SEED.id, &SEED.raw("b@northwind.example"))
        .await;
    assert_ne!(
        desk.why(&early).await.campaign,
        desk.why(&seed).await.campaign,
        "nothing is confirmed yet"
    );
    let case = desk.confirm(&seed).await;
    assert_eq!(desk.why(&early).await.campaign, case);
    assert_ne!(desk.campaign(&early).await.verdict, Verdict::Malicious);
}

#[tokio::test]
async fn one_of_the_same_message_is_taken_out_with_its_copy_and_comes_back() {
    let desk = Desk::open(Backend::Sqlite).await.expect("SQLite");
    let raw = SEED.raw("a@northwind.example");
    let seed = desk.report(0, SEED.id, &raw).await;
    let case = desk.confirm(&seed).await;
    let second = desk.report(1, SEED.id, &raw).await;
    assert_eq!(desk.campaign(&second).await.id, case, "the same message");
    let app = &desk.stage.app;

    let refused = remove(app, case, seed.id, ORDER).await;
    assert!(
        matches!(refused, Err(GroupingError::Seed(_))),
        "{refused:?}"
    );
    let silent = Order {
        reason: "  ",
        ..ORDER
    };
    let refused = remove(app, case, second.id, silent).await;
    assert!(matches!(refused, Err(GroupingError::Reason)));
    // a new decision is being carried out: what would move must wait
    set_verdict(app, seed.id, Verdict::Malicious, "key_rita", "again")
        .await
        .expect("decided");
    let refused = remove(app, case, second.id, ORDER).await;
    assert!(
        matches!(refused, Err(GroupingError::UnderWay { .. })),
        "{refused:?}"
    );
    desk.stage.drain().await;

    let before = desk.copies(case).await;
    let own = remove(app, case, second.id, ORDER).await.expect("removed");
    assert_eq!(desk.campaign(&second).await.id, own);
    assert_eq!(desk.why(&second).await.campaign, own);
    let rows = app.store.read(app.tenant);
    let held = rows.pulls_of_submission(second.id).await.expect("read");
    assert!(held.iter().all(|copy| copy.campaign == Some(own)));
    assert_eq!(before, desk.copies(case).await + desk.copies(own).await);

    // a decision on it moves its own copy and no other
    set_verdict(app, second.id, Verdict::Benign, "key_rita", "not here")
        .await
        .expect("decided");
    desk.stage.drain().await;
    assert_eq!(desk.campaign(&seed).await.verdict, Verdict::Malicious);
    assert_eq!(desk.campaign(&second).await.id, own, "where it was put");
    merge(app, case, own, ORDER).await.expect("merged");
    assert_eq!(desk.why(&second).await.campaign, case);
}

#[tokio::test]
async fn clicks_name_whose_credentials_are_to_be_reset() {
    let desk = Desk::open(Backend::Sqlite).await.expect("SQLite");
    let seed = desk
        .report(0, SEED.id, &SEED.raw("a@northwind.example"))
        .await;
    let case = desk.confirm(&seed).await;
    let who = desk.reporter(1).address;
    let table = format!(
        "time,user,url\n2026-11-16 09:30:00,{},hxxps://files[.]partner-place[.]example/shared\n\
         2026-11-16T09:31:00Z,{who},https://news.example/today\n\
         2026-11-16T09:32:00Z,nobody,files.partner-place.example\n\
         2026-11-16T09:33:00Z,guest@elsewhere.example,files.partner-place.example\n",
        who.to_uppercase()
    );
    let app = &desk.stage.app;
    let lines = read_csv(table.as_bytes()).expect("a table");
    let done = import(app, case, lines.clone(), "key_rita")
        .await
        .expect("imported");
    assert_eq!(
        (done.new, done.known, done.elsewhere, done.bad),
        (2, 0, 1, 1)
    );
    assert_eq!(done.lines[0].line, 4);
    let again = import(app, case, lines, "key_rita")
        .await
        .expect("imported");
    assert_eq!((again.new, again.known), (0, 2));
    let found = people(app, case).await.expect("read");
    let found: Vec<&str> = found.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(found, [who.as_str(), "guest@elsewhere.example"]);
}
