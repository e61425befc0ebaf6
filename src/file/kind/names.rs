//! Names of files: what is shown, what the ending promises.

use super::FileKind;
use crate::message::Untrusted;

/// The name as it may be shown: at most 255 characters, controls removed.
pub(in crate::file) fn display_name(name: Option<&str>) -> Option<Untrusted<String>> {
    let shown: String = name?
        .chars()
        .filter(|c| !c.is_control())
        .take(255)
        .collect();
    (!shown.trim().is_empty()).then(|| Untrusted::new(shown))
}

/// The ending of a name in lower case without its dot, as Windows sees it: blanks
/// and dots at the end do not count. Empty where there is none.
pub(in crate::file) fn ending(name: &str) -> String {
    let shown = trimmed(name);
    let base = shown.rsplit(['/', '\\']).next().unwrap_or_default();
    match base.rsplit_once('.') {
        Some((_, ending)) if ending.chars().count() <= 16 => ending.to_lowercase(),
        _ => String::new(),
    }
}

/// The name without the characters that show nothing and without an end that
/// Windows drops.
pub(super) fn trimmed(name: &str) -> String {
    let shown: String = name
        .chars()
        .filter(|c| !crate::message::is_invisible(*c))
        .take(1_000)
        .collect();
    shown.trim_end_matches([' ', '.']).to_owned()
}

/// Whether a kind is what an ending promises; `None` for an ending that promises
/// nothing that is known here.
pub(super) fn fits(ending: &str, kind: FileKind) -> Option<bool> {
    use FileKind as K;
    Some(match ending {
        "pdf" => kind == K::Pdf,
        "zip" => matches!(kind, K::Zip | K::OfficeXml | K::OpenDocument),
        "jar" | "apk" | "appx" | "msix" | "xpi" => kind == K::Zip,
        "7z" => kind == K::SevenZip,
        "rar" => kind == K::Rar,
        "tar" => kind == K::Tar,
        "gz" | "tgz" => kind == K::Gzip,
        "xz" | "txz" => kind == K::Xz,
        "bz2" | "tbz2" => kind == K::Bzip2,
        "iso" | "img" => matches!(kind, K::Iso | K::DiskImage),
        "vhd" | "vhdx" | "vmdk" | "dmg" => kind == K::DiskImage,
        "cab" => kind == K::Cab,
        "msg" => kind == K::Msg,
        "eml" => matches!(kind, K::Mail | K::Text),
        "doc" | "dot" | "xls" | "xlt" | "xla" | "ppt" | "pps" | "pot" => {
            matches!(kind, K::OfficeLegacy | K::CompoundFile)
        }
        "docx" | "docm" | "dotx" | "dotm" | "xlsx" | "xlsm" | "xlsb" | "xltx" | "xltm" | "xlam"
        | "pptx" | "pptm" | "ppsx" | "ppsm" | "potx" | "potm" | "vsdx" | "vsdm" => {
            matches!(kind, K::OfficeXml | K::CompoundFile)
        }
        "odt" | "ods" | "odp" | "odg" | "ott" | "ots" | "otp" => kind == K::OpenDocument,
        "rtf" => kind == K::Rtf,
        "one" | "onepkg" => matches!(kind, K::OneNote | K::Cab),
        "htm" | "html" | "shtml" | "xhtml" | "xht" => matches!(kind, K::Html | K::Xml | K::Text),
        "svg" => matches!(kind, K::Svg | K::Xml),
        "png" | "jpg" | "jpeg" | "jpe" | "gif" | "webp" | "bmp" => kind.is_picture(),
        "tif" | "tiff" | "heic" | "ico" | "mp3" | "mp4" | "wav" | "avi" | "mov" | "ogg" => {
            kind == K::Media || kind.is_picture()
        }
        "txt" | "csv" | "log" | "md" | "json" | "xml" => kind.is_textual(),
        "exe" | "dll" | "scr" | "com" | "pif" | "cpl" => kind == K::Program,
        "ics" => matches!(kind, K::Calendar | K::Text),
        "vcf" => matches!(kind, K::VCard | K::Text),
        "lnk" => kind == K::Shortcut,
        "url" | "webloc" | "desktop" => kind == K::InternetShortcut,
        ending if is_script(ending) => kind == K::Script || kind.is_textual(),
        _ => return None,
    })
}

/// Endings that a double click hands to an interpreter.
pub(super) fn is_script(ending: &str) -> bool {
    [
        "js",
        "jse",
        "vbs",
        "vbe",
        "wsf",
        "wsh",
        "wsc",
        "sct",
        "ps1",
        "psm1",
        "psd1",
        "bat",
        "cmd",
        "hta",
        "sh",
        "bash",
        "command",
        "py",
        "pyw",
        "pl",
        "rb",
        "php",
        "ahk",
        "au3",
        "reg",
        "inf",
        "applescript",
        "scpt",
        "vb",
        "a3x",
    ]
    .contains(&ending)
}

/// Endings that a double click runs or installs.
pub(super) fn runs(ending: &str) -> bool {
    is_script(ending)
        || [
            "exe", "scr", "com", "pif", "cpl", "dll", "msi", "msp", "msix", "appx", "jar", "lnk",
            "url", "chm", "apk", "app", "gadget", "xll", "wll", "iso", "img", "vhd", "vhdx",
            "jnlp", "html", "htm", "shtml", "xhtml",
        ]
        .contains(&ending)
        || is_launcher(ending)
}

/// Endings of text files by which Windows opens a place or runs a command.
pub(super) fn is_launcher(ending: &str) -> bool {
    [
        "settingcontent-ms",
        "library-ms",
        "search-ms",
        "searchconnector-ms",
        "appref-ms",
        "appinstaller",
        "application",
        "scf",
        "msc",
        "theme",
        "iqy",
        "slk",
        "jnlp",
        "rdp",
    ]
    .contains(&ending)
}

/// Endings that people take for a document, picture or archive.
pub(super) fn looks_harmless(ending: &str) -> bool {
    [
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "csv", "odt", "ods",
        "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "zip", "rar", "7z", "mp3",
        "mp4", "wav", "eml", "msg", "xml",
    ]
    .contains(&ending)
}
