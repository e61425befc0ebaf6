//! The world as it always was: scenario, moves, tokens, faults, pokes.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};

use super::*;

#[test]
fn the_scenario_is_as_described() {
    let sim = sim(200);
    sim.plant(&Scenario::default());
    let truth = sim.truth();
    let mailboxes: std::collections::HashSet<&str> = truth
        .planted
        .iter()
        .map(|copy| copy.mailbox.as_str())
        .collect();
    assert_eq!(mailboxes.len(), 60);
    assert_eq!(truth.planted.len(), 62);
    assert_eq!(truth.innocent.len(), 20);
    assert!(
        truth
            .planted
            .iter()
            .all(|copy| copy.reachable && !copy.destroyed)
    );
    let count = |how| truth.planted.iter().filter(|copy| copy.how == how).count();
    assert_eq!(count(How::Forward), 2);
    assert_eq!(count(How::List), 10);
    for how in [How::OwnFolder, How::Junk, How::Read, How::Deleted] {
        assert_eq!(count(how), 2, "{how:?}");
    }
    assert_eq!(count(How::Duplicate), 4);
    assert!(truth.all_in_place());
    assert_eq!((truth.touched(), truth.letters.len()), (0, 0));
    assert_eq!(sim.reporters().len(), 2);
}

#[test]
fn small_organisations_work_too() {
    for mailboxes in [1, 2, 3, 8, 20, 40] {
        let sim = sim(mailboxes);
        sim.plant(&Scenario::default());
        let reached: std::collections::HashSet<String> = sim
            .truth()
            .planted
            .iter()
            .map(|copy| copy.mailbox.clone())
            .collect();
        assert_eq!(
            reached.len(),
            mailboxes.min((mailboxes * 3 / 10).max(8)),
            "{mailboxes}"
        );
    }
}

#[test]
fn a_copy_on_graph_is_found_moved_and_put_back() {
    let sim = sim(40);
    sim.plant(&Scenario::default());
    let who = reporter(&sim, Provider::Graph);
    let token = graph_token(&sim);
    let plain = [("Authorization", token.as_str())];
    let fixed = [
        ("Authorization", token.as_str()),
        ("Prefer", "IdType=\"ImmutableId\""),
        ("Content-Type", "application/json"),
    ];
    let id = percent_encoding::utf8_percent_encode(
        &who.internet_message_id,
        percent_encoding::NON_ALPHANUMERIC,
    )
    .to_string();
    let mail = format!("/v1.0/users/{}/messages", who.user_id);
    let search =
        format!("{mail}?$filter=internetMessageId%20eq%20'{id}'&$select=id,parentFolderId,subject");
    let found = call(&sim, "GET", &search, &fixed, b"")
        .expect("answer")
        .json();
    assert_eq!(found["value"].as_array().map(Vec::len), Some(1));
    let immutable = found["value"][0]["id"].as_str().expect("id").to_owned();
    let home = found["value"][0]["parentFolderId"]
        .as_str()
        .expect("folder")
        .to_owned();
    assert!(found["value"][0].get("body").is_none());

    // the add-in's ordinary id names the same message
    let named = call(&sim, "GET", &format!("{mail}/{}", who.item_id), &plain, b"").expect("answer");
    assert_eq!(named.json()["subject"], found["value"][0]["subject"]);

    let folders = format!("/v1.0/users/{}/mailFolders", who.user_id);
    let body = br#"{"displayName":"Quarantine","isHidden":true}"#;
    let made = call(&sim, "POST", &folders, &fixed, body).expect("answer");
    assert_eq!(made.status, 201);
    let hidden = made.json()["id"].as_str().expect("id").to_owned();
    let again = call(&sim, "POST", &folders, &fixed, body).expect("answer");
    assert_eq!(again.status, 409);
    assert_eq!(again.json()["error"]["code"], "ErrorFolderExists");

    let to = |folder: &str| json!({"destinationId": folder}).to_string();
    let moved = call(
        &sim,
        "POST",
        &format!("{mail}/{immutable}/move"),
        &fixed,
        to(&hidden).as_bytes(),
    )
    .expect("answer");
    assert_eq!(moved.status, 201);
    assert_eq!(moved.json()["id"], json!(immutable));
    let stale = call(&sim, "GET", &format!("{mail}/{}", who.item_id), &plain, b"").expect("answer");
    assert_eq!(stale.status, 404);
    assert_eq!(stale.json()["error"]["code"], "ErrorItemNotFound");
    assert_eq!(
        sim.truth().planted.iter().filter(|c| !c.reachable).count(),
        1
    );

    let back = call(
        &sim,
        "POST",
        &format!("{mail}/{immutable}/move"),
        &fixed,
        to(&home).as_bytes(),
    )
    .expect("answer");
    assert_eq!(back.status, 201);
    assert!(sim.truth().all_in_place());

    let mime = call(
        &sim,
        "GET",
        &format!("{mail}/{immutable}/$value"),
        &plain,
        b"",
    )
    .expect("answer");
    let letter = Letter::new(&mime.body);
    assert_eq!(letter.message_id, who.internet_message_id);
    let bad = call(&sim, "GET", &format!("{mail}/nonsense"), &plain, b"").expect("answer");
    assert_eq!(bad.json()["error"]["code"], "ErrorInvalidIdMalformed");
}

#[test]
fn graph_refuses_what_graph_refuses() {
    let sim = sim(40);
    let token = graph_token(&sim);
    let auth = [("Authorization", token.as_str())];
    let user = sim.organisation().users[0].clone();
    let mail = format!("/v1.0/users/{}/messages", user.id);
    let code = |target: &str, headers: &[(&str, &str)]| {
        let answer = call(&sim, "GET", target, headers, b"").expect("answer");
        (
            answer.status,
            answer.json()["error"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    assert_eq!(code(&mail, &[]), (401, "InvalidAuthenticationToken".into()));
    assert_eq!(
        code(&format!("{mail}?$filter=body%20eq%20'x'"), &auth),
        (400, "BadRequest".into())
    );
    assert_eq!(
        code(
            &format!("{mail}?$filter=subject%20eq%20'x'&$orderby=receivedDateTime"),
            &auth
        ),
        (400, "InefficientFilter".into())
    );
    let gmail = sim.organisation().users[39].clone();
    assert_eq!(
        code(&format!("/v1.0/users/{}/messages", gmail.address), &auth),
        (404, "ErrorInvalidUser".into())
    );
    sim.set_licensed(&user.address, false);
    assert_eq!(
        code(&mail, &auth),
        (404, "MailboxNotEnabledForRESTAPI".into())
    );
    sim.advance(TimeDelta::hours(2));
    assert_eq!(
        code(&mail, &auth),
        (401, "InvalidAuthenticationToken".into())
    );
}

#[test]
fn people_are_paged_and_groups_flattened() {
    let sim = sim(50);
    let token = graph_token(&sim);
    let auth = [
        ("Authorization", token.as_str()),
        ("ConsistencyLevel", "eventual"),
    ];
    let mut next = Some("/v1.0/users?$select=id,mail&$top=10".to_owned());
    let mut seen = 0;
    while let Some(target) = next {
        let page = call(&sim, "GET", &target, &auth, b"")
            .expect("answer")
            .json();
        seen += page["value"].as_array().map_or(0, Vec::len);
        next = page["@odata.nextLink"]
            .as_str()
            .map(|link| link.trim_start_matches(sim.base_url()).to_owned());
    }
    assert_eq!(seen, 25);
    let alias = sim.organisation().users[3].alias();
    let target = format!("/v1.0/users?$filter=proxyAddresses/any(p:p%20eq%20'smtp:{alias}')");
    let found = call(&sim, "GET", &target, &auth, b"")
        .expect("answer")
        .json();
    assert_eq!(
        found["value"][0]["id"],
        json!(sim.organisation().users[3].id)
    );
    let groups = "/v1.0/groups?$filter=mail%20eq%20'all-staff@northwind.example'";
    let group = call(&sim, "GET", groups, &auth, b"")
        .expect("answer")
        .json();
    let members = format!(
        "/v1.0/groups/{}/transitiveMembers/graph.user?$count=true&$select=id,mail",
        group["value"][0]["id"].as_str().expect("id")
    );
    let all = call(&sim, "GET", &members, &auth, b"")
        .expect("answer")
        .json();
    assert_eq!(all["value"].as_array().map(Vec::len), Some(25));
    let plain = [("Authorization", token.as_str())];
    assert_eq!(
        call(&sim, "GET", &members, &plain, b"")
            .expect("answer")
            .status,
        400
    );
}

#[test]
fn a_batch_answers_each_part_out_of_order() {
    let sim = sim(40);
    sim.add_fault(Fault::once(
        Matcher {
            operation: Some(Operation::MessageSearch),
            nth: Some(2),
            ..Matcher::default()
        },
        Action::Throttle {
            retry_after: RetryAfter::Value("2.128".into()),
        },
    ));
    let token = graph_token(&sim);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
    ];
    let requests: Vec<Value> = (0..4)
        .map(|at| {
            let user = &sim.organisation().users[at].id;
            json!({"id": at.to_string(), "method": "GET", "url": format!("/users/{user}/messages?$top=5")})
        })
        .chain([json!({"id": "4", "method": "GET", "url": "/users/none", "dependsOn": ["1"]})])
        .collect();
    let body = json!({ "requests": requests }).to_string();
    let answer = call(&sim, "POST", "/v1.0/$batch", &headers, body.as_bytes()).expect("answer");
    assert_eq!(answer.status, 200);
    let responses = answer.json()["responses"]
        .as_array()
        .cloned()
        .expect("responses");
    let ids: Vec<&str> = responses.iter().filter_map(|r| r["id"].as_str()).collect();
    assert_ne!(ids, ["0", "1", "2", "3", "4"]);
    let of = |id: &str| {
        responses
            .iter()
            .find(|r| r["id"] == id)
            .cloned()
            .expect("part")
    };
    assert_eq!(of("0")["status"], 200);
    assert_eq!(of("1")["status"], 429);
    assert_eq!(of("1")["headers"]["Retry-After"], "2.128");
    assert_eq!(of("4")["status"], 424);
    let counters = sim.counters();
    assert_eq!(counters.of(Operation::MessageSearch), 4);
    assert_eq!(counters.of(Operation::Batch), 1);
    let record = sim.record().expect("record");
    let parts = lock(&record).iter().filter(|e| e.part).count();
    assert_eq!(parts, 4);
    let many: Vec<Value> = (0..21)
        .map(|at| json!({"id": at.to_string(), "method": "GET", "url": "/users"}))
        .collect();
    let body = json!({ "requests": many }).to_string();
    let answer = call(&sim, "POST", "/v1.0/$batch", &headers, body.as_bytes()).expect("answer");
    assert_eq!(answer.status, 400);
}

#[test]
fn a_copy_on_gmail_is_found_relabelled_and_put_back() {
    let sim = sim(40);
    sim.plant(&Scenario::default());
    let who = reporter(&sim, Provider::Gmail);
    let token = gmail_bearer(&sim, &who.address);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
    ];
    let root = format!("/gmail/v1/users/{}", who.address);
    let bare = who.internet_message_id.trim_matches(['<', '>']);
    let search = format!("{root}/messages?q=rfc822msgid:{bare}&includeSpamTrash=true");
    let found = call(&sim, "GET", &search, &headers, b"")
        .expect("answer")
        .json();
    assert_eq!(found["messages"][0]["id"], json!(who.item_id));
    let get = format!("{root}/messages/{}?format=raw", who.item_id);
    let shown = call(&sim, "GET", &get, &headers, b"")
        .expect("answer")
        .json();
    let raw = URL_SAFE
        .decode(shown["raw"].as_str().expect("raw"))
        .expect("padded base64url");
    assert_eq!(Letter::new(&raw).message_id, who.internet_message_id);
    assert!(raw.starts_with(b"Delivered-To: "));

    let label = br#"{"name":"Quarantine","labelListVisibility":"labelHide","messageListVisibility":"hide"}"#;
    let labels = format!("{root}/labels");
    let made = call(&sim, "POST", &labels, &headers, label)
        .expect("answer")
        .json();
    let quarantine = made["id"].as_str().expect("id").to_owned();
    assert_eq!(
        call(&sim, "POST", &labels, &headers, label)
            .expect("answer")
            .status,
        409
    );

    let modify = format!("{root}/messages/{}/modify", who.item_id);
    let body = json!({"addLabelIds": [quarantine], "removeLabelIds": ["INBOX"]}).to_string();
    assert_eq!(
        call(&sim, "POST", &modify, &headers, body.as_bytes())
            .expect("answer")
            .status,
        200
    );
    assert_eq!(
        sim.truth().planted.iter().filter(|c| !c.reachable).count(),
        1
    );
    let body = json!({"addLabelIds": ["INBOX"], "removeLabelIds": [quarantine]}).to_string();
    let back = call(&sim, "POST", &modify, &headers, body.as_bytes())
        .expect("answer")
        .json();
    assert_eq!(back["labelIds"], json!(["UNREAD", "INBOX"]));
    assert!(sim.truth().all_in_place());
    let history = format!("{root}/history?startHistoryId=1000");
    let history = call(&sim, "GET", &history, &headers, b"")
        .expect("answer")
        .json();
    assert_eq!(history["history"].as_array().map(Vec::len), Some(4));
    let bad = json!({"addLabelIds": ["Label_9999"]}).to_string();
    assert_eq!(
        call(&sim, "POST", &modify, &headers, bad.as_bytes())
            .expect("answer")
            .status,
        400
    );
    let other = format!("/gmail/v1/users/{}/messages", sim.admin_subject());
    assert_eq!(
        call(&sim, "GET", &other, &headers, b"")
            .expect("answer")
            .status,
        403
    );
}

#[test]
fn a_forward_is_found_by_the_link_it_quotes() {
    let sim = sim(200);
    sim.plant(&Scenario::default());
    let truth = sim.truth();
    let forward = truth
        .planted
        .iter()
        .find(|copy| copy.how == How::Forward && copy.provider == Provider::Gmail)
        .expect("forward");
    let token = gmail_bearer(&sim, &forward.mailbox);
    let headers = [("Authorization", token.as_str())];
    let target = "/gmail/v1/users/me/messages?q=%7Brfc822msgid:none%20%22login.northwlnd-support.example%22%7D%20in:anywhere";
    let found = call(&sim, "GET", target, &headers, b"")
        .expect("answer")
        .json();
    assert_eq!(found["messages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_letter_is_inserted_once_and_counted() {
    let sim = sim(20);
    let who = sim.organisation().users[15].address.clone();
    let token = gmail_bearer(&sim, &who);
    let body = b"--x\r\nContent-Type: application/json\r\n\r\n{\"labelIds\":[\"INBOX\",\"UNREAD\"]}\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: thanks\r\n\r\nwell done\r\n\r\n--x--";
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "multipart/related; boundary=x"),
    ];
    let target = "/upload/gmail/v1/users/me/messages?uploadType=multipart";
    let answer = call(&sim, "POST", target, &headers, body).expect("answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["labelIds"], json!(["UNREAD", "INBOX"]));
    assert_eq!(sim.truth().letters.get(&who), Some(&1));

    let plain = [("Authorization", token.as_str())];
    let target = "/resumable/upload/gmail/v1/users/me/messages?uploadType=resumable";
    let session = call(&sim, "POST", target, &plain, b"{}").expect("answer");
    let place = session.header("location").expect("location").to_owned();
    let place = place.trim_start_matches(sim.base_url());
    let answer = call(&sim, "PUT", place, &plain, b"Subject: two\r\n\r\nx\r\n").expect("answer");
    assert_eq!(answer.status, 200);
    assert_eq!(sim.letters_of(&who).len(), 2);
}

#[test]
fn google_tokens_are_for_known_users_and_granted_scopes() {
    let sim = sim(20);
    let who = sim.organisation().users[15].address.clone();
    assert_eq!(
        google_token(&sim, "nobody@northwind-labs.example", MODIFY).status,
        400
    );
    let broad = google_token(&sim, &who, "https://mail.google.com/");
    assert_eq!(
        (broad.status, broad.json()["error"].clone()),
        (401, json!("unauthorized_client"))
    );
    let directory = "https://www.googleapis.com/auth/admin.directory.user.readonly";
    for (subject, status) in [(sim.admin_subject(), 200), (who, 403)] {
        let token = google_token(&sim, &subject, directory).json();
        let token = format!("Bearer {}", token["access_token"].as_str().expect("token"));
        let target = "/admin/directory/v1/users?customer=my_customer&maxResults=4";
        let headers = [("Authorization", token.as_str())];
        let answer = call(&sim, "GET", target, &headers, b"").expect("answer");
        assert_eq!(answer.status, status);
        if status == 200 {
            assert_eq!(answer.json()["users"].as_array().map(Vec::len), Some(4));
            assert!(answer.json()["nextPageToken"].is_string());
        }
    }
}

#[test]
fn the_addon_reads_only_the_message_it_was_opened_on() {
    let sim = sim(40);
    sim.plant(&Scenario::default());
    let who = reporter(&sim, Provider::Gmail);
    let user = sim
        .organisation()
        .by_address(&who.address)
        .expect("user")
        .clone();
    let pair = sim.addon_tokens(&user, &who.item_id).expect("tokens");
    let token = format!("Bearer {}", pair.user_oauth_token);
    let target = format!("/gmail/v1/users/me/messages/{}?format=raw", who.item_id);
    let without = [("Authorization", token.as_str())];
    assert_eq!(
        call(&sim, "GET", &target, &without, b"")
            .expect("answer")
            .status,
        403
    );
    let with = [
        ("Authorization", token.as_str()),
        (
            "X-Goog-Gmail-Access-Token",
            pair.message_access_token.as_str(),
        ),
    ];
    assert_eq!(
        call(&sim, "GET", &target, &with, b"")
            .expect("answer")
            .status,
        200
    );
    let list = "/gmail/v1/users/me/messages";
    assert_eq!(
        call(&sim, "GET", list, &with, b"").expect("answer").status,
        403
    );
}

#[test]
fn faults_reach_the_wire() {
    let sim = sim(40);
    sim.plant(&Scenario::default());
    let who = reporter(&sim, Provider::Graph);
    let token = graph_token(&sim);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
    ];
    let message = format!("/v1.0/users/{}/messages/{}", who.user_id, who.item_id);
    let fault = |operation, action| {
        sim.add_fault(Fault::once(
            Matcher {
                operation: Some(operation),
                ..Matcher::default()
            },
            action,
        ));
    };
    fault(Operation::MessageGet, Action::Truncate { bytes: 20 });
    let cut = call(&sim, "GET", &message, &headers, b"").expect("head");
    let promised: usize = cut
        .header("content-length")
        .and_then(|n| n.parse().ok())
        .expect("length");
    assert_eq!(cut.body.len(), 20);
    assert!(promised > 20);

    fault(Operation::MessageMove, Action::LoseReply { executed: true });
    let body = br#"{"destinationId":"archive"}"#;
    let lost = call(&sim, "POST", &format!("{message}/move"), &headers, body);
    assert!(
        lost.is_none(),
        "an answer came: {}",
        lost.expect("answer").head
    );
    let gone = call(&sim, "GET", &message, &headers, b"").expect("answer");
    assert_eq!(gone.status, 404, "the move has happened");

    fault(
        Operation::MessageSearch,
        Action::Throttle {
            retry_after: RetryAfter::DateIn(300),
        },
    );
    let list = format!("/v1.0/users/{}/messages", who.user_id);
    let throttled = call(&sim, "GET", &list, &headers, b"").expect("answer");
    assert_eq!(throttled.status, 429);
    assert!(
        throttled
            .header("retry-after")
            .expect("header")
            .ends_with("GMT")
    );

    let whose = sim.reporters()[0].item_id.clone();
    fault(Operation::MessageGet, Action::Vanish);
    let message = format!("/v1.0/users/{}/messages/{whose}", who.user_id);
    assert_eq!(
        call(&sim, "GET", &message, &headers, b"")
            .expect("answer")
            .status,
        404
    );
    assert_eq!(sim.truth().planted.iter().filter(|c| c.vanished).count(), 1);
}

#[test]
fn a_fifth_request_at_once_is_throttled() {
    let sim = sim(4);
    let user = sim.organisation().users[0].id.clone();
    sim.add_fault(Fault::always(
        Matcher {
            operation: Some(Operation::MessageSearch),
            ..Matcher::default()
        },
        Action::Slow { millis: 700 },
    ));
    let token = graph_token(&sim);
    let target = format!("/v1.0/users/{user}/messages");
    let throttled = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let headers = [("Authorization", token.as_str())];
                let answer = call(&sim, "GET", &target, &headers, b"").expect("answer");
                if answer.status == 429 {
                    assert_eq!(answer.json()["error"]["code"], "ApplicationThrottled");
                    throttled.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(throttled.load(Ordering::SeqCst), 2);
}

#[test]
fn mail_is_sent_drafted_and_sunk() {
    let sim = sim(20);
    let token = graph_token(&sim);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
    ];
    let (from, to) = (&sim.organisation().users[0], &sim.organisation().users[15]);
    let message = json!({
        "subject": "Thank you", "body": {"contentType": "text", "content": "well spotted"},
        "toRecipients": [{"emailAddress": {"address": to.address}}],
    });
    let body = json!({"message": message, "saveToSentItems": false}).to_string();
    let target = format!("/v1.0/users/{}/sendMail", from.id);
    let sent = call(&sim, "POST", &target, &headers, body.as_bytes()).expect("answer");
    assert_eq!(sent.status, 202);
    let drafts = format!("/v1.0/users/{}/messages", from.id);
    let draft = call(
        &sim,
        "POST",
        &drafts,
        &headers,
        message.to_string().as_bytes(),
    )
    .expect("answer");
    assert_eq!(
        (draft.status, draft.json()["isDraft"].clone()),
        (201, json!(true))
    );
    let send = format!("{drafts}/{}/send", draft.json()["id"].as_str().expect("id"));
    assert_eq!(
        call(&sim, "POST", &send, &headers, b"")
            .expect("answer")
            .status,
        202
    );

    let mut smtp = TcpStream::connect(sim.smtp_addr()).expect("connect");
    let script = format!(
        "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@nowhere.example>\r\nRCPT TO:<{}>\r\nDATA\r\nSubject: s\r\nMessage-ID: <1@b>\r\n\r\n..dot\r\n.\r\nQUIT\r\n",
        to.address
    );
    smtp.write_all(script.as_bytes()).expect("write");
    let mut said = String::new();
    smtp.read_to_string(&mut said).expect("read");
    assert!(
        said.contains("550 5.1.1") && said.contains("250 2.0.0 delivered"),
        "{said}"
    );
    let truth = sim.truth();
    assert_eq!(truth.letters.get(&to.address), Some(&3));
    assert_eq!(truth.letters.get(&from.address), None);
    let last = sim.letters_of(&to.address).pop().expect("letter");
    assert!(last.ends_with(b"\r\n.dot\r\n"));
}

#[test]
fn pokes_work_from_outside() {
    let sim = sim(20);
    sim.plant(&Scenario::default());
    let json = [("Content-Type", "application/json")];
    let identity = call(&sim, "GET", "/sim/identity", &[], b"")
        .expect("answer")
        .json();
    assert_eq!(identity["client_id"], sim.client_id());
    let fault = br#"{"when":{"face":"graph","operation":"users_list"},"action":{"answer":{"status":503,"body":{"error":{"code":"x","message":"y"}}}}}"#;
    assert_eq!(
        call(&sim, "POST", "/sim/faults", &json, fault)
            .expect("answer")
            .status,
        200
    );
    assert_eq!(
        call(&sim, "GET", "/v1.0/users", &[], b"")
            .expect("answer")
            .status,
        503
    );
    assert_eq!(
        call(&sim, "GET", "/v1.0/users", &[], b"")
            .expect("answer")
            .status,
        401
    );
    let bad = call(&sim, "POST", "/sim/faults", &json, b"{}").expect("answer");
    assert_eq!(bad.status, 400);
    let before = sim.now();
    call(
        &sim,
        "POST",
        "/sim/clock/advance",
        &json,
        b"{\"seconds\":90}",
    )
    .expect("answer");
    assert_eq!(sim.now() - before, TimeDelta::seconds(90));
    let to = sim.organisation().users[1].address.clone();
    let late = json!({"to": to, "raw": "Subject: late\r\n\r\nx", "planted": true}).to_string();
    assert_eq!(
        call(&sim, "POST", "/sim/deliver", &json, late.as_bytes())
            .expect("answer")
            .status,
        200
    );
    let truth = call(&sim, "GET", "/sim/truth", &[], b"")
        .expect("answer")
        .json();
    assert!(
        truth["planted"]
            .as_array()
            .expect("planted")
            .iter()
            .any(|c| c["how"] == "late")
    );
    let mint = json!({"kind": "entra", "user": to}).to_string();
    let token = call(&sim, "POST", "/sim/tokens", &json, mint.as_bytes())
        .expect("answer")
        .json();
    let claims = sim
        .tenant
        .keys
        .entra
        .verify(token["token"].as_str().expect("token"))
        .expect("claims");
    assert_eq!(claims["preferred_username"], json!(to));
    let none = Map::from_iter([("azp".to_owned(), Value::Null)]);
    let user = sim.organisation().users[1].clone();
    let changed = sim
        .tenant
        .keys
        .entra
        .verify(&sim.entra_token(&user, &none))
        .expect("claims");
    assert!(changed.get("azp").is_none());
}

#[test]
fn a_hundred_thousand_mailboxes_fit() {
    let sim = sim(100_000);
    sim.plant(&Scenario::default());
    let truth = sim.truth();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib: usize = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or_default();
    assert_eq!(truth.planted.len(), 30_002);
    assert!(kib < 2 * 1024 * 1024, "{kib} KiB resident");
}
