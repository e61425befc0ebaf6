use super::*;
use crate::message::{Limits, parse};

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn the_dialects_of_servers() {
    for (line, helo, rdns, address, by) in [
        (
            "from mail.a.example (mail.a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 4X1 for <ann@b.example>; Mon, 21 Sep 2026 10:00:00 +0200",
            "mail.a.example",
            Some("mail.a.example"),
            ip("192.0.2.1"),
            "mx.b.example",
        ),
        (
            "from evil (unknown [IPv6:2001:db8::9]) by mx.b.example with ESMTP id 1; Mon, 21 Sep 2026 08:00:00 +0000 (UTC)",
            "evil",
            None,
            ip("2001:db8::9"),
            "mx.b.example",
        ),
        (
            "from [198.51.100.7] (helo=friend.example) by mx.b.example with esmtp (Exim 4.96) id 1a; Mon, 21 Sep 2026 08:00:00 +0000",
            "friend.example",
            None,
            ip("198.51.100.7"),
            "mx.b.example",
        ),
        (
            "from host.c.example ([198.51.100.7]:4411 helo=[203.0.113.1]) by mx.b.example with esmtp; Mon, 21 Sep 2026 08:00:00 +0000",
            "[203.0.113.1]",
            Some("host.c.example"),
            ip("198.51.100.7"),
            "mx.b.example",
        ),
        (
            "from unknown (HELO q.example) (203.0.113.9) by mx.b.example with SMTP; 21 Sep 2026 08:00:00 -0000",
            "q.example",
            None,
            ip("203.0.113.9"),
            "mx.b.example",
        ),
        (
            "from AM0.eur.prod.example (2001:db8::1) by DB1.eur.prod.example (2001:db8::2) with Microsoft SMTP Server (version=TLS1_2) id 15.20; Mon, 21 Sep 2026 08:00:00 +0000",
            "am0.eur.prod.example",
            None,
            ip("2001:db8::1"),
            "db1.eur.prod.example",
        ),
        (
            "from by (x [10.0.0.1] (may be forged)) by mx.b.example; Mon, 21 Sep 2026 08:00:00 +0000",
            "by",
            None,
            ip("10.0.0.1"),
            "mx.b.example",
        ),
    ] {
        let hop = hop(line);
        assert_eq!(hop.helo.as_deref(), Some(helo), "{line}");
        assert_eq!(hop.rdns.as_deref(), rdns, "{line}");
        assert_eq!(hop.ip, address, "{line}");
        assert_eq!(hop.by.as_deref(), Some(by), "{line}");
        assert!(hop.time.is_some(), "{line}");
        assert_eq!(hop.damage, None, "{line}");
    }
    assert_eq!(hop("nonsense").damage, Some(HopDamage::Unreadable));
    let long = format!("from a by {}", "x".repeat(9_000));
    assert_eq!(hop(&long).damage, Some(HopDamage::Oversize));
}

fn border() -> Border {
    Border {
        hosts: vec!["corp.example".into()],
        networks: vec!["192.0.2.0/24".parse().unwrap()],
    }
}

#[test]
fn the_border_is_the_last_own_line_and_what_stands_below_is_a_claim() {
    let raw = "Received: from edge.corp.example (edge.corp.example [192.0.2.4]) by box.corp.example with LMTP; Mon, 21 Sep 2026 08:00:10 +0000\r\nReceived: by edge.corp.example (Postfix); Mon, 21 Sep 2026 08:00:08 +0000\r\nReceived: from bank.example (dsl.evil.example [203.0.113.66]) by mx.corp.example; Mon, 21 Sep 2026 08:00:05 +0000\r\nReceived: from x (y [198.51.100.1]) by mx.corp.example; Mon, 21 Sep 2026 09:30:00 +0000\r\nFrom: a@bank.example\r\nDate: Tue, 15 Sep 2026 08:00:00 +0000\r\n\r\nhi";
    let message = parse(raw.as_bytes(), &Limits::default());
    let arrived = DateTime::from_timestamp(1_789_977_612, 0);
    let way = path(&message, &border(), arrived);
    assert_eq!(way.hops.len(), 4);
    assert_eq!(way.border, Some(2));
    assert_eq!(way.sending_ip, ip("203.0.113.66"));
    assert_eq!(way.helo.as_deref(), Some("bank.example"));
    assert_eq!(
        way.anomalies,
        [
            PathAnomaly::Backwards {
                hop: 2,
                seconds: 5_395
            },
            PathAnomaly::Future {
                hop: 3,
                seconds: 5_388
            },
            PathAnomaly::DateFar { hours: -144 },
        ]
    );
    assert_eq!(path(&message, &Border::default(), arrived).border, None);
}

#[test]
fn a_lookalike_server_is_no_own_one() {
    let raw = "Received: from x (y [198.51.100.1]) by mx.notcorp.example; Mon, 21 Sep 2026 09:30:00 +0000\r\nFrom: a@b.example\r\n\r\n";
    let message = parse(raw.as_bytes(), &Limits::default());
    let way = path(&message, &border(), None);
    assert_eq!((way.border, way.sending_ip), (None, None));
    assert!(border().holds_host("192.0.2.77"));
}

#[test]
fn many_lines_are_cut_and_said_so() {
    let raw =
        "Received: from x (y [198.51.100.1]) by z.example; Mon, 21 Sep 2026 09:30:00 +0000\r\n"
            .repeat(300)
            + "From: a@b.example\r\n\r\n";
    let message = parse(raw.as_bytes(), &Limits::default());
    assert_eq!(message.received.len(), MAX_HOPS);
    assert!(
        message
            .defects
            .contains(&crate::message::Defect::TooManyHops)
    );
}
