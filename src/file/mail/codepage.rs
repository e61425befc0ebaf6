//! Text in the code pages of Windows.

use mail_parser::decoders::charsets::map::charset_decoder;

/// The text of bytes in a code page, by its number; UTF-8 where the bytes are
/// that, else Windows-1252 where the number is unknown.
pub(super) fn text(bytes: &[u8], codepage: u32) -> String {
    let name = match codepage {
        874 | 1250..=1258 => format!("windows-{codepage}"),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        20_866 => "koi8-r".to_owned(),
        28_591..=28_605 => format!("iso-8859-{}", codepage - 28_590),
        50_220 => "iso-2022-jp".to_owned(),
        54_936 => "gb18030".to_owned(),
        _ => "windows-1252".to_owned(),
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.replace('\0', "");
    }
    let decoded = match charset_decoder(name.as_bytes()) {
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    decoded.replace('\0', "")
}

/// The text of bytes in UTF-16, little end first.
pub(super) fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair))
        .collect();
    String::from_utf16_lossy(&units).replace('\0', "")
}
