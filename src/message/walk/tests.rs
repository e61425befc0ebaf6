use super::*;

fn read(raw: &str) -> ParsedMessage {
    parse(raw.as_bytes(), &Limits::default())
}

#[test]
fn reads_the_fields_of_a_mail() {
    let m = read(
        "Authentication-Results: mx.northwind.example; spf=pass smtp.mailfrom=a@b.example; dmarc=pass header.from=b.example\r\nAuthentication-Results: evil.example; dmarc=fail\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <J.Org@B.Example>\r\nReply-To: x@freemail.example\r\nTo: a@x.example, Group: b@x.example, c@x.example;\r\nSubject: =?utf-8?B?SGVsbG8=?=\r\n folded\r\nDate: Mon, 21 Sep 2026 10:00:00 +0200\r\nMessage-ID: < id-1@b.example >\r\nReferences: <r1@x> <r2@x>\r\nList-Id: <l.x.example>\r\n\r\nhi there\r\n",
    );
    assert_eq!(m.message_id.as_deref(), Some("id-1@b.example"));
    assert_eq!(m.from[0].address, "j.org@b.example");
    assert_eq!(m.from[0].domain(), "b.example");
    assert_eq!(m.from[0].name.as_ref().unwrap().exposed(), "Jörg");
    assert_eq!(m.reply_to[0].address, "x@freemail.example");
    assert_eq!(m.to.len(), 3);
    assert_eq!(m.subject.exposed(), "Hello folded");
    assert_eq!(m.date.unwrap().to_rfc3339(), "2026-09-21T08:00:00+00:00");
    assert_eq!(m.references, ["r1@x", "r2@x"]);
    assert!(m.list.id);
    assert_eq!(m.text.as_ref().unwrap().exposed().trim(), "hi there");
    assert_eq!(m.defects, []);
    let trusted = ["mx.northwind.example".to_owned()];
    let auth = m.authentication(&trusted).unwrap();
    assert!(auth.proves("b.example"));
    assert!(m.authentication(&["other.example".to_owned()]).is_none());
    assert!(m.authentication(&["*".to_owned()]).is_some());
}

#[test]
fn a_forged_field_below_does_not_speak_for_the_border() {
    let m = read(
        "Authentication-Results: mx.a.example; dmarc=fail\r\nAuthentication-Results: mx.a.example; dmarc=pass header.from=a.example\r\nFrom: x@a.example\r\n\r\n",
    );
    let auth = m.authentication(&["mx.a.example".to_owned()]).unwrap();
    assert!(!auth.proves("a.example"));
}

#[test]
fn structure_bodies_files_and_messages_inside() {
    let m = read(
        "From: a@x.example\nContent-Type: multipart/mixed; boundary=o\n\npreamble\n--o\nContent-Type: multipart/alternative; boundary=\"o-in\"\n\n--o-in\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\ngr=FC=DFe\n--o-in\nContent-Type: text/html\n\n<a href=\"https://e.example/\">go</a>\n--o-in--\n--o\nContent-Type: application/octet-stream; name=x.html\nContent-Disposition: attachment; filename=\"r.html\"\nContent-Transfer-Encoding: base64\n\nPGh0bWw+PGJvZHk+\n--o\nContent-Type: message/rfc822\n\nFrom: evil@y.example\nSubject: inner\nContent-Type: multipart/mixed; boundary=p\n\n--p\nContent-Type: message/rfc822\n\nSubject: innermost\n\nx\n--p--\n--o--\n",
    );
    assert_eq!(m.text.as_ref().unwrap().exposed(), "grüße");
    assert_eq!(
        m.view.as_ref().unwrap().links[0].target,
        "https://e.example/"
    );
    assert_eq!(m.attachments.len(), 1);
    assert_eq!(m.attachments[0].name.as_ref().unwrap().exposed(), "r.html");
    assert!(m.attachments[0].is_html);
    assert_eq!(m.attachments[0].size, 12);
    let inside: Vec<_> = m
        .nested
        .iter()
        .map(|n| (n.depth, n.message.subject.exposed().as_str()))
        .collect();
    assert_eq!(inside.len(), 2);
    assert_eq!(inside[0].1, "inner");
    assert_eq!(inside[1].1, "innermost");
    assert!(inside[0].0 < inside[1].0);
    assert_eq!(m.defects, []);
}

#[test]
fn what_is_no_mail_is_said_and_never_refused() {
    for (raw, wanted) in [
        (&b""[..], Defect::NotMail),
        (b"\0\0\0\0", Defect::NulBytes),
        (b"just some words without a header", Defect::NotMail),
        (b"\x89PNG\r\n\x1a\n\0\0", Defect::NotMail),
        (b"F\0r\0o\0m\0:\0 \0a\0", Defect::NotMail),
        (
            b"From: a@b\r\nFrom: c@d\r\n\r\n",
            Defect::DuplicateHeader("from".into()),
        ),
        (b"From: a@b, c@d\r\n\r\n", Defect::MultipleFrom),
        (
            b"From: a@b\nContent-Type: multipart/mixed\n\n--x\n\nhi",
            Defect::AmbiguousMime,
        ),
        (
            b"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhi",
            Defect::Truncated,
        ),
    ] {
        let m = parse(raw, &Limits::default());
        assert!(m.defects.contains(&wanted), "{raw:?} gave {:?}", m.defects);
        if wanted.is_ambiguous() {
            assert!(m.ambiguous());
        }
    }
}

#[test]
fn bounds_hold() {
    let limits = Limits::default();
    let mut deep = String::from("From: a@b\n");
    for i in 0..5_000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n"
        ));
    }
    let m = parse(deep.as_bytes(), &limits);
    assert!(m.defects.contains(&Defect::TooDeep));
    let inside = format!(
        "From: a@b\n{}",
        "Content-Type: message/rfc822\n\n".repeat(20_000)
    );
    let m = parse(inside.as_bytes(), &limits);
    assert!(m.defects.contains(&Defect::TooDeep));
    assert!(m.nested.len() <= limits.depth);
    let wide = format!(
        "From: a@b\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "--b\n\nx\n".repeat(10_000)
    );
    let m = parse(wide.as_bytes(), &limits);
    assert!(m.defects.contains(&Defect::TooManyParts));
    let headers = format!("From: a@b\n{}\n", "X: y\n".repeat(5_000));
    let m = parse(headers.as_bytes(), &limits);
    assert!(m.defects.contains(&Defect::TooManyHeaders));
    assert_eq!(m.from[0].address, "a@b");
}

proptest::proptest! {
    #[test]
    fn any_bytes_parse(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let _ = parse(&raw, &Limits::default());
    }

    #[test]
    fn any_structure_parses(parts in proptest::collection::vec("(--b(--)?|Content-Type: (multipart/mixed; boundary=b|message/rfc822|text/html)|Content-Transfer-Encoding: (base64|quoted-printable)|From: a@b|=3D|<a href=x>|)", 0..60)) {
        let _ = parse(parts.join("\n").as_bytes(), &Limits::default());
    }
}
