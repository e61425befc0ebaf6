use super::*;

fn asides(html: &str) -> Vec<(Origin, LinkPlace, String)> {
    HtmlView::of(html, &Limits::default())
        .asides
        .into_iter()
        .map(|a| (a.origin, a.link.place, a.link.target))
        .collect()
}

#[test]
fn every_way_to_refer() {
    for (html, origin, place, target) in [
        (
            "<!--[if mso]><v:roundrect HREF='https://m.example/a'>x</v:roundrect><![endif]-->",
            Origin::Attribute,
            LinkPlace::Click,
            "https://m.example/a",
        ),
        (
            "<!--[if gte mso 9]><a href=https://m.example/b>x</a><![endif]-->",
            Origin::Conditional,
            LinkPlace::Click,
            "https://m.example/b",
        ),
        (
            "<img srcset='https://m.example/1 1x, https://m.example/2 2x'>",
            Origin::Attribute,
            LinkPlace::Load,
            "https://m.example/2",
        ),
        (
            "<a href=/x ping='https://m.example/p'>",
            Origin::Attribute,
            LinkPlace::Load,
            "https://m.example/p",
        ),
        (
            "<p style=\"background:URL( 'https://m.example/s' )\">",
            Origin::Style,
            LinkPlace::Load,
            "https://m.example/s",
        ),
        (
            "<style>@import \"https://m.example/i\";</style>",
            Origin::Style,
            LinkPlace::Load,
            "https://m.example/i",
        ),
        (
            "<style>a{b:url(\\68ttps://m.example/e)}</style>",
            Origin::Style,
            LinkPlace::Load,
            "https://m.example/e",
        ),
        (
            "<svg><a xlink:href=https://m.example/v>",
            Origin::Attribute,
            LinkPlace::Click,
            "https://m.example/v",
        ),
        (
            "<iframe srcdoc=\"<a href='https://m.example/d'>x</a>\">",
            Origin::Srcdoc,
            LinkPlace::Click,
            "https://m.example/d",
        ),
        (
            "<a data-saferedirecturl=https://m.example/g href=#>",
            Origin::Attribute,
            LinkPlace::Mention,
            "https://m.example/g",
        ),
        (
            "<input type=image src=https://m.example/t>",
            Origin::Attribute,
            LinkPlace::Load,
            "https://m.example/t",
        ),
    ] {
        assert!(
            asides(html).contains(&(origin, place, target.to_owned())),
            "{html}: {:?}",
            asides(html)
        );
    }
    assert_eq!(asides("<html xmlns='http://www.w3.org/1999/xhtml'>"), []);
}

#[test]
fn texts_for_machines_are_kept_when_they_name_links() {
    let view = HtmlView::of(
        "<!-- see https://c.example/ --><script>go('https://s.example/')</script><!-- x --><p>hi",
        &Limits::default(),
    );
    let origins: Vec<Origin> = view.unseen.iter().map(|(origin, _)| *origin).collect();
    assert_eq!(origins, [Origin::Comment, Origin::Script]);
    assert_eq!(view.text.trim(), "hi");
}

proptest::proptest! {
    #[test]
    fn any_markup_ends(html in "[<>!a-z=\"' \\\\()@\\[\\]-]{0,200}") {
        let _ = asides(&format!("<!--[if mso]>{html}-->{html}<style>{html}"));
    }
}
