//! kill -9 at every step boundary of one remediation on both wires: after the
//! nth commit, and before and after the effect of the nth provider call, for
//! every n until the run ends by itself. After a restart the end state is that
//! of a run without a crash.

mod served;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use unhook::{
    config::Config,
    remediation::undo,
    sim::{Operation, Phase, Reporter, Sim, Truth},
    store::PageRequest,
};

use crate::support::stage::{Stage, click, tenant};

const CHILD: &str = "UNHOOK_CRASH_CHILD";

/// The service in a process of its own; does nothing unless the tests below
/// start it.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let order: serde_json::Value = serde_json::from_str(&order).expect("an order");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(serve(&order));
    // The test harness must not print a summary that nobody asked for.
    std::process::exit(0);
}

async fn serve(order: &serde_json::Value) {
    let folder = Path::new(order["folder"].as_str().expect("folder"));
    let text = std::fs::read_to_string(folder.join("unhook.toml")).expect("settings");
    let config = Config::parse(&text).expect("valid");
    let stop_after = order["commit"].as_u64();
    let commits = AtomicU64::new(0);
    let observer: unhook::store::CommitObserver = Arc::new(move || {
        let n = commits.fetch_add(1, Ordering::SeqCst) + 1;
        if Some(n) == stop_after {
            // Stand still exactly here; the parent kills.
            println!("\nSTANDING");
            loop {
                std::thread::park();
            }
        }
    });
    let stage = Stage::open(config, Some(observer)).await;
    let reporters: Vec<(String, String, String, String, String)> =
        serde_json::from_value(order["reporters"].clone()).expect("reporters");
    for (provider, address, user_id, item_id, internet_message_id) in reporters {
        let provider = provider.parse().expect("provider");
        let reporter = Reporter {
            provider,
            address,
            user_id,
            item_id,
            internet_message_id,
        };
        let tenant_id = order["tenant"].as_str().expect("tenant");
        let accepted = stage.desk.accept(click(&reporter, tenant_id)).await;
        println!("\nACCEPTED {}", accepted.expect("accepted").id);
    }
    stage.drain().await;
    if order["restore"] == true {
        restore(&stage).await;
    }
}

/// Has everything put back, as an analyst would.
async fn restore(stage: &Stage) {
    let rows = stage.app.store.read(stage.app.tenant);
    let found = rows.campaigns(None, &PageRequest::first(9)).await;
    for campaign in found.expect("campaigns").items {
        undo::restore_campaign(&stage.app, campaign.id, "key_test")
            .await
            .expect("asked");
    }
    stage.drain().await;
}

/// What is sent, and how far the story goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// The built-in phish is pulled.
    Pulled,
    /// The same as an invitation is pulled and put back, with the events it made.
    Invitation,
}

impl Story {
    /// The invitation goes the same way as any mail; every third step of it is enough to
    /// meet each of its calendar's.
    const fn step(self) -> usize {
        match self {
            Self::Pulled => 1,
            Self::Invitation => 3,
        }
    }
}

/// The built-in phish as an invitation.
fn invitation() -> Vec<u8> {
    let phish = include_str!("../../src/sim/mail/phish.eml").replace("\r\n", "\n");
    let calendar = "--b1_7f3a91c2e5\nContent-Type: text/calendar; method=REQUEST\n\n\
        BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1@northwlnd-support.example\n\
        ORGANIZER:mailto:helpdesk@northwlnd-support.example\nSUMMARY:Keep your password\n\
        DTSTART:20261120T090000Z\nDTEND:20261120T093000Z\nEND:VEVENT\nEND:VCALENDAR\n";
    let date = (chrono::Utc::now() - chrono::TimeDelta::minutes(41)).to_rfc2822();
    let (head, end) = phish.rsplit_once("--b1_7f3a91c2e5--").expect("its end");
    format!("Date: {date}\n{head}{calendar}--b1_7f3a91c2e5--{end}").into_bytes()
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    Never,
    AfterCommit(u64),
    AtCall(u64, Phase),
}

struct Run {
    story: Story,
    sim: Sim,
    folder: tempfile::TempDir,
    /// As the add-ins saw them when they clicked: item ids change with a move.
    reporters: Vec<Reporter>,
}

impl Run {
    fn new(story: Story) -> Self {
        let sim = match story {
            Story::Pulled => tenant(10, 8, None),
            Story::Invitation => tenant(6, 4, Some(invitation())),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let listen = "127.0.0.1:1".parse().expect("an address");
        let text = unhook::demo::settings(&sim, listen, folder.path()).expect("settings");
        std::fs::write(folder.path().join("unhook.toml"), text).expect("written");
        let reporters = sim.reporters();
        Self {
            story,
            sim,
            folder,
            reporters,
        }
    }

    fn spawn(&self, commit: Option<u64>) -> Child {
        let reporters: Vec<_> = self
            .reporters
            .iter()
            .map(|r| {
                (
                    r.provider.to_string(),
                    &r.address,
                    &r.user_id,
                    &r.item_id,
                    &r.internet_message_id,
                )
            })
            .collect();
        let order = serde_json::json!({
            "folder": self.folder.path(),
            "tenant": self.sim.tenant_id(),
            "reporters": reporters,
            "commit": commit,
            "restore": self.story == Story::Invitation,
        });
        Command::new(std::env::current_exe().expect("this test"))
            .args(["crash::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, order.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the child starts")
    }

    /// Runs once with the kill; gives whether it was killed.
    fn once(&self, kill: Kill) -> bool {
        match kill {
            Kill::Never => {
                let ended = self.spawn(None).wait().expect("waited");
                assert!(ended.success(), "an unharmed run ends well: {ended}");
                false
            }
            Kill::AfterCommit(n) => {
                let mut child = self.spawn(Some(n));
                let out = BufReader::new(child.stdout.take().expect("piped"));
                let stood = out.lines().any(|line| line.is_ok_and(|l| l == "STANDING"));
                child.kill().expect("killed");
                child.wait().expect("waited");
                stood
            }
            Kill::AtCall(n, phase) => self.kill_at_call(n, phase),
        }
    }

    fn kill_at_call(&self, n: u64, phase: Phase) -> bool {
        let victim: Arc<Mutex<Option<Child>>> = Arc::default();
        let killed = Arc::new(AtomicU64::new(0));
        let calls = AtomicU64::new(0);
        let (hand, count) = (Arc::clone(&victim), Arc::clone(&killed));
        self.sim.set_hook(Some(Arc::new(move |call| {
            if call.phase != phase || calls.fetch_add(1, Ordering::SeqCst) + 1 != n {
                return;
            }
            if let Some(child) = hand.lock().expect("lock").as_mut() {
                child.kill().expect("killed");
                child.wait().expect("waited");
                count.store(1, Ordering::SeqCst);
            }
        })));
        let mut guard = victim.lock().expect("lock");
        *guard = Some(self.spawn(None));
        let out = guard.as_mut().and_then(|c| c.stdout.take()).expect("piped");
        drop(guard);
        // Its output ends when it does, by itself or not.
        BufReader::new(out).lines().for_each(drop);
        if let Some(child) = victim.lock().expect("lock").as_mut() {
            child.wait().expect("waited");
        }
        self.sim.set_hook(None);
        killed.load(Ordering::SeqCst) == 1
    }

    /// The end state as a person would find it.
    fn end_state(&self) -> serde_json::Value {
        let truth: Truth = self.sim.truth();
        let planted: Vec<_> = truth
            .planted
            .iter()
            .map(|c| serde_json::json!([c.mailbox, c.how, c.reachable, c.destroyed, c.now]))
            .collect();
        let letters: std::collections::BTreeMap<_, _> = truth.letters.into_iter().collect();
        let touched = truth.innocent.iter().filter(|i| i.touched).count() + truth.others_touched;
        // Whose calendar shows how many events.
        let users = self.sim.organisation().users.iter();
        let events: Vec<_> = users
            .map(|user| {
                let events = self.sim.calendar_of(&user.address).into_iter();
                (&user.address, events.filter(|e| e.on_calendar).count())
            })
            .collect();
        serde_json::json!({
            "planted": planted, "touched": touched, "letters": letters, "events": events,
        })
    }
}

/// Kills at n = 1, 2, 3, ... until a run is not reached by the kill any more;
/// each time restarts, and compares the end state.
fn at_every(story: Story, kill: impl Fn(u64) -> Kill) -> u64 {
    let reference = Run::new(story);
    let before = reference.end_state();
    reference.once(Kill::Never);
    let expected = reference.end_state();
    let truth = reference.sim.truth();
    match story {
        Story::Pulled => assert!(truth.all_pulled(), "{expected:#}"),
        Story::Invitation => {
            assert!(truth.all_in_place(), "{expected:#}");
            assert_eq!(expected["events"], before["events"]);
            // They were away meanwhile.
            let made = reference.sim.counters();
            assert!(made.of(Operation::EventDelete) > 0);
            assert!(made.of(Operation::CalendarDelete) > 0);
        }
    }
    for n in (1..).step_by(story.step()) {
        let run = Run::new(story);
        let killed = run.once(kill(n));
        if killed {
            run.once(Kill::Never);
        }
        let found = run.end_state();
        assert_eq!(found, expected, "after {:?}", kill(n));
        if !killed {
            return n - 1;
        }
    }
    unreachable!("the loop ends with the first run that is not killed")
}

#[test]
fn a_kill_after_any_commit_is_survived() {
    let boundaries = at_every(Story::Pulled, Kill::AfterCommit);
    println!("killed after each of {boundaries} commits");
    assert!(
        boundaries > 20,
        "only {boundaries} commits: the story is not the whole one"
    );
}

#[test]
fn a_kill_before_the_effect_of_any_provider_call_is_survived() {
    let boundaries = at_every(Story::Pulled, |n| Kill::AtCall(n, Phase::Before));
    println!("killed before each of {boundaries} calls");
    assert!(
        boundaries > 20,
        "only {boundaries} calls: the story is not the whole one"
    );
}

#[test]
fn a_kill_after_the_effect_of_any_provider_call_is_survived() {
    let boundaries = at_every(Story::Pulled, |n| Kill::AtCall(n, Phase::After));
    println!("killed after each of {boundaries} calls");
    assert!(
        boundaries > 20,
        "only {boundaries} calls: the story is not the whole one"
    );
}

#[test]
fn a_kill_after_any_commit_neither_loses_nor_doubles_an_event() {
    let boundaries = at_every(Story::Invitation, Kill::AfterCommit);
    println!("killed after each of {boundaries} commits");
    assert!(boundaries > 20, "only {boundaries} commits");
}

#[test]
fn a_kill_after_the_effect_of_any_call_neither_loses_nor_doubles_an_event() {
    let boundaries = at_every(Story::Invitation, |n| Kill::AtCall(n, Phase::After));
    println!("killed after each of {boundaries} calls");
    assert!(boundaries > 20, "only {boundaries} calls");
}

/// Killed after each commit up to the last report's: whether that stands in the database
/// without an answer, a retry is told of it by the same id, and there is one of it.
#[tokio::test]
async fn f02_a_retry_after_a_kill_between_commit_and_answer_is_told_of_the_same_report() {
    let (mut unanswered, mut n) = (0, 0);
    loop {
        n += 1;
        let run = Run::new(Story::Pulled);
        let mut child = run.spawn(Some(n));
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut answered = Vec::new();
        for line in out.lines().map_while(Result::ok) {
            if line == "STANDING" {
                break;
            }
            answered.extend(line.strip_prefix("ACCEPTED ").map(str::to_owned));
        }
        child.kill().expect("killed");
        child.wait().expect("waited");

        let text = std::fs::read_to_string(run.folder.path().join("unhook.toml"));
        let config = Config::parse(&text.expect("settings")).expect("valid");
        let stage = Stage::open(config, None).await;
        let stored = async || {
            let rows = stage.app.store.read(stage.app.tenant);
            let page = rows.reports(None, &PageRequest::first(9)).await;
            let reports = page.expect("read").items.into_iter();
            let mut ids: Vec<String> = reports.map(|report| report.id.to_string()).collect();
            ids.sort();
            ids
        };
        let kept = stored().await;
        assert!(answered.iter().all(|id| kept.contains(id)), "one was lost");
        unanswered += usize::from(kept.len() > answered.len());
        let mut told = Vec::new();
        for reporter in &run.reporters {
            let report = click(reporter, run.sim.tenant_id());
            let accepted = stage.desk.accept(report).await.expect("accepted");
            told.push(accepted.id.to_string());
        }
        told.sort();
        assert_eq!(stored().await, told, "after commit {n}");
        assert!(kept.iter().all(|id| told.contains(id)), "after commit {n}");
        if answered.len() == run.reporters.len() {
            break;
        }
    }
    assert!(unanswered >= 2, "each report was met between the two");
}

/// Sends a signal by its name.
fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.is_ok_and(|status| status.success()), "{name}");
}

/// Asleep while its move is carried out, a process is taken for dead, and another does
/// its work; then it wakes.
#[test]
fn f11_a_process_that_slept_through_its_lease_spoils_nothing_when_it_wakes() {
    let reference = Run::new(Story::Pulled);
    reference.once(Kill::Never);
    let expected = reference.end_state();
    for nth in [1, 4] {
        let run = Run::new(Story::Pulled);
        let sleeper: Arc<Mutex<Option<Child>>> = Arc::default();
        let (tell, told) = std::sync::mpsc::channel();
        let (hand, seen) = (Arc::clone(&sleeper), AtomicU64::new(0));
        run.sim.set_hook(Some(Arc::new(move |call| {
            let moved = matches!(
                call.operation,
                Operation::MessageMove | Operation::GmailModify
            );
            if !moved || call.phase != Phase::After || seen.fetch_add(1, Ordering::SeqCst) != nth {
                return;
            }
            if let Some(child) = hand.lock().expect("lock").as_ref() {
                signal(child, "-STOP");
            }
            let _ = tell.send(());
        })));
        let mut guard = sleeper.lock().expect("lock");
        *guard = Some(run.spawn(None));
        drop(guard);
        told.recv_timeout(std::time::Duration::from_secs(60))
            .expect("it moved something");
        // A start releases the leases of whoever was there before.
        let ended = run.spawn(None).wait().expect("waited");
        assert!(ended.success(), "{ended}");
        assert_eq!(run.end_state(), expected, "move {nth}");
        run.sim.set_hook(None);

        let mut sleeper = sleeper.lock().expect("lock").take().expect("asleep");
        signal(&sleeper, "-CONT");
        let out = BufReader::new(sleeper.stdout.take().expect("piped"));
        out.lines().for_each(drop);
        let ended = sleeper.wait().expect("waited");
        assert!(ended.success(), "it ends well: {ended}");
        assert_eq!(run.end_state(), expected, "after it woke, move {nth}");
    }
}
