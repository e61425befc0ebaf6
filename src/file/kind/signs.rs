//! The kinds that a file's content is valid as.

use file_format::{FileFormat, Kind};
use memchr::memmem;

use super::{FileKind, inside, names};

/// Bytes at the start of a text that are looked at.
const HEAD: usize = 8 << 10;

/// Every kind the content is valid as, the first the one that most programs take
/// it for. Empty for nothing known.
pub(super) fn all(bytes: &[u8], ending: &str, claimed: &str) -> Vec<FileKind> {
    if bytes.is_empty() {
        return vec![FileKind::Empty];
    }
    let mut found: Vec<FileKind> = binary(bytes).into_iter().collect();
    if found.first() != Some(&FileKind::Pdf) && holds_pdf(bytes) {
        found.push(FileKind::Pdf);
    }
    let opaque = found
        .first()
        .is_some_and(|kind| kind.is_picture() || matches!(kind, FileKind::Pdf | FileKind::Media));
    if found.is_empty() {
        found.extend(text(bytes, ending, claimed));
    } else if opaque {
        if holds_html(bytes) {
            found.push(FileKind::Html);
        }
        if is_script_picture(bytes) {
            found.push(FileKind::Script);
        }
    }
    let may_end_as_zip = opaque
        || matches!(
            found.first(),
            None | Some(FileKind::Program | FileKind::Html | FileKind::Text | FileKind::Script)
        );
    if may_end_as_zip && inside::ends_as_zip(bytes) {
        found.push(inside::zip(bytes));
    }
    if found.is_empty() {
        found.extend(library(bytes));
    }
    if found.is_empty() && names::is_script(ending) {
        found.push(FileKind::Script);
    }
    if found.is_empty() && claimed == "application/pkcs7-mime" {
        found.push(FileKind::Cryptographic);
    }
    found
}

/// The kind by marks at fixed places.
fn binary(bytes: &[u8]) -> Option<FileKind> {
    use FileKind as K;
    let marks: [(&[u8], K); 28] = [
        (b"7z\xbc\xaf\x27\x1c", K::SevenZip),
        (b"Rar!\x1a\x07", K::Rar),
        (b"\x1f\x8b", K::Gzip),
        (b"\xfd7zXZ\0", K::Xz),
        (b"MSCF\0\0\0\0", K::Cab),
        (b"vhdxfile", K::DiskImage),
        (b"conectix", K::DiskImage),
        (b"KDMV", K::DiskImage),
        (b"QFI\xfb", K::DiskImage),
        (b"\x78\x9f\x3e\x22", K::Tnef),
        (b"{\\rt", K::Rtf),
        (b"%PDF-", K::Pdf),
        (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", K::OneNote),
        (b"L\0\0\0\x01\x14\x02\0", K::Shortcut),
        (b"MZ", K::Program),
        (b"\x7fELF", K::Program),
        (b"\xfe\xed\xfa\xce", K::Program),
        (b"\xfe\xed\xfa\xcf", K::Program),
        (b"\xce\xfa\xed\xfe", K::Program),
        (b"\xcf\xfa\xed\xfe", K::Program),
        (b"\xca\xfe\xba\xbe", K::Program),
        (b"dex\n03", K::Program),
        (b"\x89PNG\r\n\x1a\n", K::Png),
        (b"\xff\xd8\xff", K::Jpeg),
        (b"GIF8", K::Gif),
        (b"-----BEGIN PGP", K::Cryptographic),
        (b"-----BEGIN PKCS7", K::Cryptographic),
        (b"-----BEGIN CMS", K::Cryptographic),
    ];
    let known = marks.iter().find(|(mark, _)| bytes.starts_with(mark));
    if let Some((_, kind)) = known {
        return Some(*kind);
    }
    let at =
        |from: usize, mark: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(mark));
    let footer = |mark: &[u8]| {
        bytes
            .len()
            .checked_sub(512)
            .is_some_and(|from| at(from, mark))
    };
    if ["PK\x03\x04", "PK\x05\x06", "PK\x07\x08", "PK00PK"]
        .iter()
        .any(|mark| bytes.starts_with(mark.as_bytes()))
    {
        Some(inside::zip(bytes))
    } else if at(0, b"BZh") && (at(4, b"1AY&SY") || at(4, b"\x17\x72\x45\x38\x50\x90")) {
        Some(K::Bzip2)
    } else if at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        Some(inside::compound(bytes))
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some(K::Webp)
    } else if at(0, b"BM") && at(6, b"\0\0\0\0") && bytes.len() > 26 {
        Some(K::Bmp)
    } else if is_tar(bytes) {
        Some(K::Tar)
    } else if (16..20).any(|sector| at(sector * 2_048 + 1, b"CD001"))
        || (16..20)
            .any(|sector| at(sector * 2_048 + 1, b"NSR0") || at(sector * 2_048 + 1, b"BEA01"))
    {
        Some(K::Iso)
    } else if footer(b"conectix") || footer(b"koly") {
        Some(K::DiskImage)
    } else if is_cms(bytes) {
        Some(K::Cryptographic)
    } else {
        None
    }
}

/// A tar header by its magic or, in the old form, by its checksum (POSIX ustar).
fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else {
        return false;
    };
    if header.get(257..262) == Some(b"ustar") {
        return true;
    }
    let stored = header.get(148..156).unwrap_or_default();
    let octal: String = stored
        .iter()
        .map(|byte| char::from(*byte))
        .filter(char::is_ascii_digit)
        .collect();
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    header.first().is_some_and(|byte| *byte != 0)
        && u32::from_str_radix(&octal, 8).is_ok_and(|claimed| claimed == sum && sum > 256)
}

/// A DER sequence that begins with an object identifier of PKCS #7 (RFC 5652).
fn is_cms(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
        && bytes
            .get(..32.min(bytes.len()))
            .is_some_and(|head| memmem::find(head, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07").is_some())
}

/// Readers of PDF accept its header anywhere in the first 1,024 bytes.
fn holds_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..1_024).unwrap_or(bytes);
    memmem::find(head, b"%PDF-").is_some()
}

/// Whether a browser that sniffs would find markup in something that is none.
fn holds_html(bytes: &[u8]) -> bool {
    let head = lower(bytes);
    ["<html", "<script", "<!doctype html"]
        .iter()
        .any(|mark| head.contains(mark))
}

/// A picture whose header goes on as script: `GIF89a=1;…` or `GIF89a/*`.
fn is_script_picture(bytes: &[u8]) -> bool {
    let Some(rest) = bytes
        .strip_prefix(b"GIF89a")
        .or_else(|| bytes.strip_prefix(b"GIF87a"))
        .or_else(|| bytes.strip_prefix(b"BM"))
    else {
        return false;
    };
    let code: &[u8] = rest
        .iter()
        .position(|byte| *byte == 0)
        .and_then(|end| rest.get(..end))
        .unwrap_or(rest);
    rest.starts_with(b"/*") || (rest.starts_with(b"=") && code.contains(&b';'))
        // width `=1` and height `;a` make the assignment a statement of its own
        || (code.len() >= 6
            && code.iter().all(u8::is_ascii_graphic)
            && code.contains(&b'(')
            && code.contains(&b';'))
}

fn lower(bytes: &[u8]) -> String {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let text = match head {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        // without a mark, ASCII in two bytes each: what PowerShell writes
        [a, 0, b, 0, ..] if a.is_ascii_graphic() && b.is_ascii() => wide(head, u16::from_le_bytes),
        _ => String::from_utf8_lossy(head).into_owned(),
    };
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
        .to_ascii_lowercase()
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// The kind of something that reads as text.
fn text(bytes: &[u8], ending: &str, claimed: &str) -> Option<FileKind> {
    let head = lower(bytes);
    let controls = head
        .chars()
        .filter(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{c}' | '\u{1b}'))
        .count();
    let foreign = head.chars().filter(|c| *c == '\u{fffd}').count();
    let length = head.chars().count();
    if length == 0 || controls * 50 > length || foreign * 4 > length {
        return None;
    }
    let starts = |marks: &[&str]| marks.iter().any(|mark| head.starts_with(mark));
    if head.starts_with("begin:vcalendar") {
        return Some(FileKind::Calendar);
    }
    if head.starts_with("begin:vcard") {
        return Some(FileKind::VCard);
    }
    if head.contains("[internetshortcut]")
        || starts(&["[desktop entry]"])
        || (head.contains("<plist") && head.contains("<key>url</key>"))
    {
        return Some(FileKind::InternetShortcut);
    }
    if starts(&["#!", "#@~^"]) || (names::is_script(ending) && !head.starts_with('<')) {
        return Some(FileKind::Script);
    }
    if is_mail(&head, ending, claimed) {
        return Some(FileKind::Mail);
    }
    let markup = head.find("<svg");
    let page = [
        "<html",
        "<!doctype html",
        "<script",
        "<body",
        "<head",
        "<iframe",
        "<form",
        "<meta ",
    ]
    .iter()
    .filter_map(|mark| head.find(mark))
    .min();
    match (markup, page) {
        (Some(svg), page) if page.is_none_or(|at| svg < at) && head.starts_with('<') => {
            return Some(FileKind::Svg);
        }
        (_, Some(_)) => return Some(FileKind::Html),
        _ => {}
    }
    let named = matches!(ending, "htm" | "html" | "shtml" | "xhtml" | "hta");
    if (named || claimed == "text/html") && head.contains('<') {
        return Some(FileKind::Html);
    }
    if head.starts_with("<?xml") || (head.starts_with('<') && ending == "xml") {
        return Some(FileKind::Xml);
    }
    Some(FileKind::Text)
}

/// Whether a text begins with the header of a mail: two fields that mails have, or
/// one where name or type say so too (RFC 5322 section 3.6).
fn is_mail(head: &str, ending: &str, claimed: &str) -> bool {
    const FIELDS: [&str; 14] = [
        "from:",
        "to:",
        "subject:",
        "date:",
        "received:",
        "return-path:",
        "message-id:",
        "mime-version:",
        "delivered-to:",
        "content-type:",
        "dkim-signature:",
        "reply-to:",
        "authentication-results:",
        "x-received:",
    ];
    let said = matches!(ending, "eml" | "mht" | "mhtml" | "mbox") || claimed == "message/rfc822";
    let mut known = 0_usize;
    for (at, line) in head.lines().take(60).enumerate() {
        let is_envelope = at == 0 && line.starts_with("from ");
        let folded = line.starts_with([' ', '\t']);
        let name_end = line.find(':').unwrap_or_default();
        let is_field = name_end > 0
            && line
                .get(..name_end)
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
        if !(is_envelope || is_field || (folded && at > 0)) {
            break;
        }
        known += usize::from(FIELDS.iter().any(|field| line.starts_with(field)));
    }
    known >= if said { 1 } else { 3 }
}

/// The kind by the library's list, for what no rule above names.
fn library(bytes: &[u8]) -> Option<FileKind> {
    match FileFormat::from_bytes(bytes).kind() {
        Kind::Executable => Some(FileKind::Program),
        Kind::Image | Kind::Audio | Kind::Video => Some(FileKind::Media),
        Kind::Disk => Some(FileKind::DiskImage),
        _ => None,
    }
}

/// Whether it is packed in a form that no reader is at hand for.
pub(super) fn packed_otherwise(bytes: &[u8]) -> Option<String> {
    let format = FileFormat::from_bytes(bytes);
    if bytes.get(7..14) == Some(b"**ACE**") {
        return Some("ACE".to_owned());
    }
    matches!(
        format.kind(),
        Kind::Archive | Kind::Compressed | Kind::Package | Kind::Disk
    )
    .then(|| format.name().to_owned())
}
