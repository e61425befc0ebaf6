use super::*;
use crate::file::{FileLimits, FileReport, Given, Rules, dissect};

/// A QR code as grey values, `module` pixels a module.
pub(in crate::file) fn qr(content: &str, module: u32) -> GrayImage {
    qrcode::QrCode::new(content)
        .map(|code| {
            let side = u32::try_from(code.width()).unwrap();
            let colours = code.to_colors();
            GrayImage::from_fn((side + 8) * module, (side + 8) * module, |x, y| {
                let (x, y) = ((x / module).wrapping_sub(4), (y / module).wrapping_sub(4));
                let dark =
                    x < side && y < side && colours[(y * side + x) as usize] == qrcode::Color::Dark;
                Luma([if dark { 0 } else { 255 }])
            })
        })
        .unwrap()
}

/// A picture as a file.
pub(in crate::file) fn encoded(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    bytes
}

/// Takes one file apart with the usual bounds.
pub(in crate::file) fn report(bytes: Vec<u8>, name: &str, claimed: &str) -> FileReport {
    let file = Given {
        place: "attachment:0".into(),
        name: Some(name.into()),
        claimed: claimed.into(),
        bytes,
    };
    dissect(&[file], &[], &Rules::none(), &FileLimits::default()).remove(0)
}

/// The links of a report with how it refers to them.
pub(in crate::file) fn links(report: &FileReport) -> Vec<(LinkSource, String)> {
    report
        .all()
        .flat_map(|file| &file.links)
        .map(|link| (link.source, link.target.exposed().clone()))
        .collect()
}

/// The kinds of notes of a report and its members.
pub(in crate::file) fn notes(report: &FileReport) -> Vec<NoteKind> {
    report
        .all()
        .flat_map(|file| &file.notes)
        .map(|note| note.kind)
        .collect()
}

#[test]
fn codes_are_read_small_large_turned_and_inverted() {
    let link = "https://login.example/qr?id=77";
    let plain = qr(link, 6);
    let mut inverted = plain.clone();
    imageops::invert(&mut inverted);
    let mut page = GrayImage::from_pixel(3_400, 2_600, Luma([250]));
    imageops::replace(&mut page, &qr(link, 5), 2_900, 2_200);
    for (picture, what) in [
        (plain.clone(), "plain"),
        (qr(link, 1), "one pixel a module"),
        (imageops::rotate90(&plain), "turned"),
        (inverted, "inverted"),
        (page, "small on a large page"),
        (qr(link, 90), "large"),
    ] {
        let report = report(encoded(&picture, ImageFormat::Png), "a.png", "image/png");
        assert_eq!(
            links(&report),
            [(LinkSource::QrCode, link.to_owned())],
            "{what}"
        );
        assert_eq!(notes(&report), [NoteKind::QrCode], "{what}");
    }
}

#[test]
fn contents_that_a_telephone_opens_are_links() {
    for (content, link) in [
        ("evil.com/login", Some("http://evil.com/login")),
        ("URL:https://a.example/x", Some("https://a.example/x")),
        (
            "MEBKM:TITLE:x;URL:http://a.example/y;;",
            Some("http://a.example/y"),
        ),
        ("HTTPS://A.EXAMPLE/Z", Some("HTTPS://A.EXAMPLE/Z")),
        ("Order 4711, table 3.", None),
        ("3.141592", None),
    ] {
        let found = targets(content);
        assert!(
            found.first().map(|l| l.trim_end_matches(';')) == link,
            "{content}: {found:?}"
        );
    }
}

#[test]
fn a_picture_too_large_is_not_decoded() {
    // header of 65,535 x 65,535 grey pixels, and no pixel
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\0\0\0\0".to_vec();
    png.extend([0; 4]);
    png.extend(b"\0\0\0\0IDAT\0\0\0\0");
    let report = report(png, "a.png", "image/png");
    assert!(
        report.stops == [Stop::Pixels] || notes(&report) == [NoteKind::Corrupt],
        "{report:?}"
    );
}

#[test]
fn a_picture_full_of_finder_patterns_costs_little() {
    let pattern = |x: u32, y: u32| {
        let (x, y) = (x % 10, y % 10);
        let edge = |v: u32| v == 0 || v == 6;
        x < 7 && y < 7 && (edge(x) || edge(y) || ((2..5).contains(&x) && (2..5).contains(&y)))
    };
    let picture = GrayImage::from_fn(1_100, 1_100, |x, y| {
        Luma([if pattern(x, y) { 0 } else { 255 }])
    });
    let report = report(encoded(&picture, ImageFormat::Png), "a.png", "image/png");
    assert_eq!(report.stops, [Stop::Pixels]);
}
