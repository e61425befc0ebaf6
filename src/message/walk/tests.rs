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

#[test]
fn character_sets_of_the_world() {
    for (charset, bytes, text) in [
        ("gbk", &b"\xc4\xe3\xba\xc3"[..], "你好"),
        ("gb2312", b"\xc4\xe3\xba\xc3", "你好"),
        ("big5", b"\xa7A\xa6n", "你好"),
        ("iso-2022-jp", b"\x1b$B$3$s\x1b(B ok", "こん ok"),
        ("shift_jis", b"\x82\xb1\x82\xf1", "こん"),
        ("euc-kr", b"\xbe\xc8", "안"),
        ("koi8-r", b"\xf0\xd2\xc9", "При"),
        ("windows-1251", b"\xcf\xf0\xe8", "При"),
        ("windows-1252", b"\x80 \x93x\x94", "€ “x”"),
        ("windows-1256", b"\xe3", "م"),
        ("utf-16le", b"h\0i\0", "hi"),
        ("utf-16be", b"\0h\0i", "hi"),
        ("utf-7", b"+ADw-script+AD4-", "+ADw-script+AD4-"),
    ] {
        let mut raw = format!("From: a@b.example\nContent-Type: text/plain; charset={charset}\n\n")
            .into_bytes();
        raw.extend_from_slice(bytes);
        let m = parse(&raw, &Limits::default());
        assert_eq!(m.text.unwrap().exposed().trim(), text, "{charset}");
    }
}

#[test]
fn flowed_text_keeps_its_links_whole() {
    let m = read(
        "From: a@b.example\nContent-Type: text/plain; format=flowed; delsp=yes\n\nsee https://a.example/very/ \nlong/path  \nthen\n> quoted \n> on\n-- \nme\n",
    );
    assert_eq!(
        m.text.unwrap().exposed(),
        "see https://a.example/very/long/path then\n> quotedon\n-- \nme\n"
    );
}

#[test]
fn forms_are_recognised() {
    let m = read(
        "From: a@b.example\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\n\n--s\nContent-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\n--s\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx\n--s\nContent-Type: application/ms-tnef; name=winmail.dat\n\nx\n--s\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nORGANIZER:mailto:o@evil.example\nEND:VCALENDAR\n--s\n\nbegin 644 a.exe\n#35H \n`\nend\n--s--\nlater https://epi.example/\n",
    );
    assert_eq!(
        m.protection,
        [
            Protection::SmimeEncrypted,
            Protection::PgpSigned,
            Protection::PgpInline
        ]
    );
    assert_eq!(
        m.defects,
        [Defect::TextOutsideParts, Defect::Tnef, Defect::Uuencoded]
    );
    assert!(!m.ambiguous());
    assert_eq!(m.invites.len(), 1);
    assert_eq!(
        m.invites[0].organizer.as_ref().unwrap().address,
        "o@evil.example"
    );
    assert_eq!(m.attachments.len(), 3);
    assert_eq!(m.readings[0].how, "epilogue");
}

#[test]
fn files_are_handed_out_with_the_places_of_their_attachments() {
    let inner = |name: &str| {
        format!(
            "Content-Type: application/x; name={name}\nContent-Disposition: attachment; filename={name}\nContent-Transfer-Encoding: base64\n\naGk=\n"
        )
    };
    let raw = format!(
        "From: a@x.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\n{}--o\nContent-Type: message/rfc822\n\nSubject: one\nContent-Type: multipart/mixed; boundary=p\n\n--p\n{}--p\nContent-Type: message/rfc822\n\nSubject: two\n{}\n--p--\n--o--\n",
        inner("top.bin"),
        inner("first.bin"),
        inner("second.bin"),
    );
    let (message, files) = parse_with_files(raw.as_bytes(), &Limits::default());
    assert_eq!(message, parse(raw.as_bytes(), &Limits::default()));
    let shape: Vec<_> = files
        .iter()
        .map(|f| {
            (
                f.place.as_str(),
                f.name.as_deref().unwrap(),
                f.bytes.as_slice(),
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("attachment:0", "top.bin", b"hi".as_slice()),
            ("nested:0/attachment:0", "first.bin", b"hi"),
            ("nested:1/attachment:0", "second.bin", b"hi"),
        ]
    );
    assert_eq!(files[0].claimed, "application/x");
}

#[test]
fn the_parts_are_listed_in_order_with_their_depth() {
    let m = read(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>hi</p>\n--x\nContent-Type: application/zip; name=a.zip\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nUEs=\n--x--\n",
    );
    let parts: Vec<(usize, &str)> = m
        .structure
        .iter()
        .map(|part| (part.depth, part.media_type.as_str()))
        .collect();
    assert_eq!(
        parts,
        [
            (0, "multipart/mixed"),
            (1, "text/html"),
            (1, "application/zip")
        ]
    );
    assert_eq!(m.structure[2].encoding.as_deref(), Some("base64"));
    assert_eq!(m.structure[2].disposition.as_deref(), Some("attachment"));
}
