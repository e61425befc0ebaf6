use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use image::ImageFormat;

use super::super::{
    FileReport,
    picture::tests::{encoded, links, notes, qr, report},
    report::{LinkSource, NoteKind, Stop},
};

/// A PDF of these objects (numbered from 1, the first is the catalog) with a
/// cross-reference table.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        writeln!(out, "{} 0 obj", at + 1).unwrap();
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for offset in offsets {
        writeln!(out, "{offset:010} 00000 n ").unwrap();
    }
    write!(
        out,
        "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    )
    .unwrap();
    out
}

fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{dictionary}/Length {}>>\nstream\n", content.len()).into_bytes();
    out.extend(content);
    out.extend(b"\nendstream");
    out
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A document of one page with these entries and further objects from 5 on.
fn page(catalog: &str, entries: &str, content: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{catalog}>>").into_bytes(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R{entries}>>")
            .into_bytes(),
        stream("", content),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

fn look(bytes: Vec<u8>) -> FileReport {
    report(bytes, "a.pdf", "application/pdf")
}

const FONT: &str = "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>";

#[test]
fn links_and_text_are_read() {
    let report = look(page(
        "",
        &format!(
            "{FONT}/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://evil.example/a\\(b)>>>>]"
        ),
        b"BT /F1 12 Tf 72 700 Td (Your mailbox is full, see https://text.example/x today) Tj ET",
        &[],
    ));
    assert_eq!(
        links(&report),
        [
            (LinkSource::Click, "https://evil.example/a(b".to_owned()),
            (LinkSource::Text, "https://text.example/x".to_owned())
        ]
    );
    assert!(
        report
            .text
            .unwrap()
            .exposed()
            .contains("Your mailbox is full")
    );
    assert!(report.notes.is_empty() && report.stops.is_empty());
}

#[test]
fn actions_are_noted_and_files_are_taken_out() {
    let report = look(page(
        "/OpenAction 5 0 R/Names<</EmbeddedFiles<</Names[(a) 7 0 R]>>>>",
        "/AA<</O<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>>>/Annots[<</A<</S/SubmitForm/F<</FS/URL/F(https://form.example/)>>>>>>]",
        b"",
        &[
            b"<</S/JavaScript/JS 6 0 R>>".to_vec(),
            stream(
                "/Filter/FlateDecode",
                &deflated(b"app.launchURL('https://js.example/')"),
            ),
            b"<</Type/Filespec/F(a.html)/EF<</F 8 0 R>>>>".to_vec(),
            stream(
                "/Type/EmbeddedFile/Filter/FlateDecode",
                &deflated(b"<html><a href=https://in.example/>x</a></html>"),
            ),
        ],
    ));
    let notes = notes(&report);
    for kind in [
        NoteKind::PdfOpenAction,
        NoteKind::PdfScript,
        NoteKind::PdfLaunch,
        NoteKind::PdfSubmit,
        NoteKind::EmbeddedObject,
    ] {
        assert!(notes.contains(&kind), "{kind:?} {notes:?}");
    }
    let found = links(&report);
    for link in [
        (LinkSource::Script, "https://js.example/"),
        (LinkSource::Form, "https://form.example/"),
        (LinkSource::Click, "https://in.example/"),
    ] {
        assert!(
            found.contains(&(link.0, link.1.to_owned())),
            "{link:?} {found:?}"
        );
    }
    assert_eq!(report.members[0].name.as_ref().unwrap().exposed(), "a.html");
}

#[test]
fn objects_in_streams_are_read() {
    let inner = b"6 0 <</S/URI/URI(https://hidden.example/)>>";
    let objects = deflated(inner);
    let dictionary = "/Type/ObjStm/N 1/First 4/Filter/FlateDecode";
    let report = look(page("", "", b"", &[stream(dictionary, &objects)]));
    assert_eq!(
        links(&report),
        [(LinkSource::Click, "https://hidden.example/".to_owned())]
    );
}

#[test]
fn codes_in_pictures_of_all_kinds_are_read() {
    let link = "https://qr.example/a";
    let picture = qr(link, 5);
    let (width, height) = picture.dimensions();
    let sides = format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}");
    let rgb: Vec<u8> = picture.as_raw().iter().flat_map(|v| [*v; 3]).collect();
    let bits: Vec<u8> = picture
        .as_raw()
        .chunks(width as usize)
        .flat_map(|row| {
            row.chunks(8)
                .map(|eight| {
                    eight
                        .iter()
                        .enumerate()
                        .fold(0u8, |byte, (at, v)| byte | u8::from(*v > 127) << (7 - at))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    for image in [
        stream(
            &format!("{sides}/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode"),
            &encoded(&picture, ImageFormat::Jpeg),
        ),
        stream(
            &format!("{sides}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"),
            &deflated(&rgb),
        ),
        stream(
            &format!("{sides}/ColorSpace/DeviceGray/BitsPerComponent 1/Filter[/FlateDecode]"),
            &deflated(&bits),
        ),
        stream(
            &format!("{sides}/ColorSpace[/Indexed/DeviceRGB 1<000000FFFFFF>]/BitsPerComponent 1"),
            &bits,
        ),
    ] {
        let report = look(page("", "", b"", &[image]));
        assert_eq!(
            links(&report),
            [(LinkSource::QrCode, link.to_owned())],
            "{report:?}"
        );
    }
}

#[test]
fn codes_drawn_as_rectangles_are_read() {
    let link = "https://drawn.example/";
    let picture = qr(link, 1);
    let mut content = String::from("0.5 0 0 0.5 20 30 cm 0 g\n");
    for (x, y, pixel) in picture.enumerate_pixels() {
        if pixel.0[0] == 0 {
            content += &format!("{} {} 7 7 re f\n", x * 7, 700 - y * 7);
        }
    }
    let report = look(page("", "", content.as_bytes(), &[]));
    assert_eq!(links(&report), [(LinkSource::QrCode, link.to_owned())]);
}

#[test]
fn damage_hides_little() {
    let sound = page(
        "",
        "/Annots[<</A<</S/URI/URI(https://evil.example/)>>>>]",
        b"",
        &[],
    );
    let at = memchr::memmem::find(&sound, b"xref").unwrap();
    let cut = look(sound[..at].to_vec());
    assert!(links(&cut).contains(&(LinkSource::Click, "https://evil.example/".to_owned())));
    assert!(notes(&cut).contains(&NoteKind::Corrupt));
    let bare = look(b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>".to_vec());
    let notes = notes(&bare);
    assert!(notes.contains(&NoteKind::PdfOpenAction) && notes.contains(&NoteKind::PdfScript));
}

#[test]
fn bombs_end_at_the_allowance() {
    let zeros = vec![0u8; 50 << 20];
    let once = deflated(&zeros);
    let image = "/Type/XObject/Subtype/Image/Width 3000/Height 3000/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode";
    let files: Vec<Vec<u8>> = (0..8).map(|_| stream(image, &once)).collect();
    let report = look(page("", "", b"", &files));
    assert!(report.stops.contains(&Stop::Member), "{report:?}");
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    look(page("", "", b"", &[deep]));
    let many = [&b"["[..], &b"0 ".repeat(3_000_000), b"]"].concat();
    let report = report_of_stops(page("", "", b"", &[many]));
    assert_eq!(report, [Stop::Member]);
}

#[test]
fn streams_of_objects_that_name_one_place_often_are_not_loaded() {
    let same: String = (10..5_000).map(|number| format!("{number} 0 ")).collect();
    let nested: String = (10..90)
        .map(|number| format!("{number} {} ", number - 10))
        .collect();
    let array = format!("{}{}{}", "[".repeat(90), "1 ".repeat(4_000), "]".repeat(90));
    for index in [same, nested] {
        let dictionary = format!("/Type/ObjStm/N 9/First {}/Filter/FlateDecode", index.len());
        let content = deflated(format!("{index}{array}").as_bytes());
        let report = look(page("", "", b"", &[stream(&dictionary, &content)]));
        assert_eq!(report.stops, [Stop::Member]);
    }
    let hidden = stream("/Type/Obj#53tm/N 1/First 4", b"9 0 []");
    assert_eq!(look(page("", "", b"", &[hidden])).stops, [Stop::Member]);
}

fn report_of_stops(bytes: Vec<u8>) -> Vec<Stop> {
    look(bytes).stops
}

proptest::proptest! {
    #[test]
    fn any_damage_is_survived(at in 0usize..900, byte: u8, cut in 0usize..900) {
        let mut bytes = page(
            "/OpenAction<</S/JavaScript/JS(x)>>",
            "/Annots[<</A<</S/URI/URI(https://evil.example/)>>>>]",
            b"BT (x) Tj ET",
            &[stream("/Type/ObjStm/N 1/First 4", b"9 0 <</S/URI/URI(https://b.example/)>>")],
        );
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(9));
        look(bytes);
    }
}
