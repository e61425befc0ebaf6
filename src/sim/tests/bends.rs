//! Answers that are not as they should be.

use super::*;

fn fault(operation: Operation, action: Action) -> Fault {
    let when = Matcher {
        operation: Some(operation),
        ..Matcher::default()
    };
    Fault::once(when, action)
}

#[test]
fn a_batch_loses_doubles_and_invents_answers() {
    let sim = sim(10);
    let token = graph_token(&sim);
    let requests: Vec<Value> = (0..3)
        .map(|at| {
            let user = &sim.organisation().users[at].id;
            json!({"id": at.to_string(), "method": "GET", "url": format!("/users/{user}")})
        })
        .collect();
    let ids = |fault: Option<BatchFault>| {
        if let Some(bent) = fault {
            sim.add_fault(super::bends::fault(Operation::Batch, Action::Batch(bent)));
        }
        let body = json!({ "requests": requests });
        let answer = send(&sim, &token, "POST", "/v1.0/$batch", &body).json();
        let responses = answer["responses"].as_array().cloned().expect("responses");
        let ids = responses.iter().filter_map(|one| one["id"].as_str());
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ids(None);
    let missing = ids(Some(BatchFault::Missing(0)));
    assert_eq!(missing, all[1..]);
    let twice = ids(Some(BatchFault::Twice(1)));
    assert_eq!((twice.len(), &twice[3]), (4, &all[1]));
    let strange = ids(Some(BatchFault::Stranger));
    assert!(strange.contains(&"stranger".to_owned()));
    assert_eq!(ids(None), all);
}

#[test]
fn pages_loop_repeat_skip_and_expire() {
    let sim = sim(40);
    let token = graph_token(&sim);
    let first = "/v1.0/users?$top=5&$select=id";
    let bent = |bent| sim.add_fault(fault(Operation::UsersList, Action::Pages(bent)));
    let next = |answer: &Answer| {
        let link = answer.json()["@odata.nextLink"].as_str().map(str::to_owned);
        let link = link.expect("a next page");
        link.trim_start_matches(sim.base_url()).to_owned()
    };
    let straight = graph(&sim, &token, first);
    let second = next(&straight);
    let five = rows(&graph(&sim, &token, &second));
    bent(PageFault::Loops);
    assert_eq!(next(&graph(&sim, &token, first)), first);
    bent(PageFault::Repeats(2));
    let repeated = rows(&graph(&sim, &token, &next(&graph(&sim, &token, first))));
    assert_eq!(repeated[..2], rows(&straight)[3..]);
    bent(PageFault::Skips(1));
    let skipped = rows(&graph(&sim, &token, &next(&graph(&sim, &token, first))));
    assert_eq!(skipped[0], five[1]);
    bent(PageFault::Expired);
    assert_eq!(graph(&sim, &token, first).status, 200);
    bent(PageFault::Expired);
    let expired = graph(&sim, &token, &second);
    assert_eq!(code(&expired), (400, "Directory_ExpiredPageToken".into()));

    let scope = "https://www.googleapis.com/auth/admin.directory.user.readonly";
    let google = google_token(&sim, &sim.admin_subject(), scope).json();
    let google = format!("Bearer {}", google["access_token"].as_str().expect("token"));
    let list = "/admin/directory/v1/users?customer=my_customer&maxResults=5";
    let page = |target: &str| graph(&sim, &google, target).json();
    let straight = page(list);
    let when = Matcher {
        operation: Some(Operation::DirectoryUsers),
        ..Matcher::default()
    };
    sim.add_fault(Fault::once(when, Action::Pages(PageFault::Repeats(5))));
    let again = page(list)["nextPageToken"].as_str().map(str::to_owned);
    let again = page(&format!("{list}&pageToken={}", again.expect("token")));
    assert_eq!(again["users"], straight["users"]);
}

#[test]
fn an_item_of_another_mailbox_is_handed_back() {
    let sim = sim(20);
    let token = graph_token(&sim);
    let raw = letter("m@evil.example", "due", "<f@evil.example>", "pay");
    let [one, two] = [0, 1].map(|at| sim.organisation().users[at].clone());
    sim.deliver(&one.address, &raw, Slot::Inbox, true);
    let theirs = sim.deliver(&two.address, &raw, Slot::Inbox, true);
    sim.add_fault(fault(Operation::MessageSearch, Action::Foreign));
    let search = format!("/v1.0/users/{}/messages?$select=internetMessageId", one.id);
    let found = rows(&graph(&sim, &token, &search));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1]["id"], json!(theirs));
    let strange = format!("/v1.0/users/{}/messages/{}", one.id, theirs.expect("id"));
    assert_eq!(graph(&sim, &token, &strange).status, 404);

    let [one, two] = [12, 13].map(|at| sim.organisation().users[at].clone());
    sim.deliver(&one.address, &raw, Slot::Inbox, true);
    let theirs = sim.deliver(&two.address, &raw, Slot::Inbox, true);
    let bearer = gmail_bearer(&sim, &one.address);
    sim.add_fault(fault(Operation::GmailList, Action::Foreign));
    let found = graph(&sim, &bearer, "/gmail/v1/users/me/messages").json();
    assert_eq!(found["messages"][1]["id"], json!(theirs));
}
