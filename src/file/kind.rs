//! What a file is, by its content first and by its name where content says little.

mod inside;
mod names;
mod remarks;
mod signs;

use serde::{Deserialize, Serialize};

pub(super) use names::{display_name, ending};
pub(super) use remarks::{remarks, remarks_on_unread};

/// The kinds of file that are told apart.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// No bytes.
    Empty,
    /// ZIP.
    Zip,
    /// 7z.
    SevenZip,
    /// RAR 4 or 5.
    Rar,
    /// tar.
    Tar,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// ISO 9660 image.
    Iso,
    /// Microsoft cabinet.
    Cab,
    /// Virtual disks: VHD, VHDX.
    DiskImage,
    /// Outlook message.
    Msg,
    /// `winmail.dat`.
    Tnef,
    /// A mail.
    Mail,
    /// Office Open XML: docx, xlsx, pptx and their macro forms.
    OfficeXml,
    /// Office before 2007 (compound file).
    OfficeLegacy,
    /// Another compound file.
    CompoundFile,
    /// OpenDocument.
    OpenDocument,
    /// Rich text.
    Rtf,
    /// PDF.
    Pdf,
    /// OneNote section.
    OneNote,
    /// HTML.
    Html,
    /// SVG.
    Svg,
    /// Other XML.
    Xml,
    /// iCalendar.
    Calendar,
    /// vCard.
    VCard,
    /// Plain text.
    Text,
    /// A script that a double click runs.
    Script,
    /// Windows shortcut (`.lnk`).
    Shortcut,
    /// Internet shortcut (`.url`, `.webloc`, `.desktop`).
    InternetShortcut,
    /// PE, ELF or Mach-O program.
    Program,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// BMP.
    Bmp,
    /// Another picture, sound or film.
    Media,
    /// S/MIME or PGP: signed or encrypted.
    Cryptographic,
}

impl FileKind {
    /// The kind of a file. Where its content is valid as several, the one that the
    /// name says, since that is how it would be opened; else the first that fits.
    #[must_use]
    pub fn of(bytes: &[u8], name: Option<&str>, claimed: &str) -> Self {
        let ending = name.map(ending).unwrap_or_default();
        let found = signs::all(bytes, &ending, claimed);
        found
            .iter()
            .find(|kind| names::fits(&ending, **kind) == Some(true))
            .or_else(|| found.first())
            .copied()
            .unwrap_or_default()
    }

    /// Whether it holds other files and nothing else.
    #[must_use]
    pub const fn is_archive(self) -> bool {
        matches!(
            self,
            Self::Zip
                | Self::SevenZip
                | Self::Rar
                | Self::Tar
                | Self::Gzip
                | Self::Xz
                | Self::Bzip2
                | Self::Iso
                | Self::Cab
                | Self::DiskImage
        )
    }

    /// Whether it is a mail in some form.
    #[must_use]
    pub const fn is_mail(self) -> bool {
        matches!(self, Self::Msg | Self::Tnef | Self::Mail)
    }

    /// Whether an office program opens it. Compound files of an unknown kind count:
    /// encrypted documents are such.
    #[must_use]
    pub const fn is_office(self) -> bool {
        matches!(
            self,
            Self::OfficeXml
                | Self::OfficeLegacy
                | Self::CompoundFile
                | Self::OpenDocument
                | Self::Rtf
        )
    }

    /// Whether it is a picture of a kind that can be decoded.
    #[must_use]
    pub const fn is_picture(self) -> bool {
        matches!(
            self,
            Self::Png | Self::Jpeg | Self::Gif | Self::Webp | Self::Bmp
        )
    }

    /// Whether it is text to a person with a plain editor.
    const fn is_textual(self) -> bool {
        matches!(
            self,
            Self::Html
                | Self::Svg
                | Self::Xml
                | Self::Calendar
                | Self::VCard
                | Self::Text
                | Self::Script
                | Self::InternetShortcut
                | Self::Mail
                | Self::Rtf
        )
    }

    /// A short word for notes.
    const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Empty => "empty",
            Self::Zip => "ZIP",
            Self::SevenZip => "7z",
            Self::Rar => "RAR",
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Iso => "ISO image",
            Self::Cab => "cabinet",
            Self::DiskImage => "disk image",
            Self::Msg => "Outlook message",
            Self::Tnef => "TNEF",
            Self::Mail => "mail",
            Self::OfficeXml => "Office XML",
            Self::OfficeLegacy => "Office 97",
            Self::CompoundFile => "compound file",
            Self::OpenDocument => "OpenDocument",
            Self::Rtf => "RTF",
            Self::Pdf => "PDF",
            Self::OneNote => "OneNote",
            Self::Html => "HTML",
            Self::Svg => "SVG",
            Self::Xml => "XML",
            Self::Calendar => "iCalendar",
            Self::VCard => "vCard",
            Self::Text => "text",
            Self::Script => "script",
            Self::Shortcut => "Windows shortcut",
            Self::InternetShortcut => "internet shortcut",
            Self::Program => "program",
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Gif => "GIF",
            Self::Webp => "WebP",
            Self::Bmp => "BMP",
            Self::Media => "media",
            Self::Cryptographic => "signed or encrypted",
        }
    }
}

#[cfg(test)]
mod tests;
