//! What was found in one file.

use serde::{Deserialize, Serialize};

use super::kind::FileKind;
use crate::message::{Untrusted, exposed};

/// One file, taken apart. Everything in it is a stranger's claim; it crosses the
/// border of the process that the work is done in, hence the serialization.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileReport {
    /// Where it lay: `attachment:0`, its third member `attachment:0/2`, and a file
    /// of the second nested message `nested:1/attachment:0`.
    pub place: String,
    /// Its name, at most 255 characters, controls removed. Display text only.
    #[serde(with = "exposed::option")]
    pub name: Option<Untrusted<String>>,
    /// The type it claims (media type, lower case); empty for members.
    pub claimed: String,
    /// What its content is.
    pub kind: FileKind,
    /// Bytes, after decoding.
    pub size: u64,
    /// Digests of those bytes.
    pub hashes: Hashes,
    /// What is remarkable about it.
    pub notes: Vec<Note>,
    /// Links it holds.
    pub links: Vec<FileLink>,
    /// Its text, bounded; `None` where it has none.
    #[serde(with = "exposed::option")]
    pub text: Option<Untrusted<String>>,
    /// YARA rules that matched.
    pub rules: Vec<RuleHit>,
    /// Bounds that were reached: it is not fully analysed.
    pub stops: Vec<Stop>,
    /// Files inside.
    pub members: Vec<Self>,
}

/// Digests in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hashes {
    /// MD5: for look-ups only, it proves nothing.
    pub md5: String,
    /// SHA-1: for look-ups only, it proves nothing.
    pub sha1: String,
    /// SHA-256.
    pub sha256: String,
    /// TLSH (`T1` form), for finding variants; `None` for files that are too small
    /// or too uniform for it.
    pub tlsh: Option<String>,
}

/// Something remarkable, with the words that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is.
    pub kind: NoteKind,
    /// The evidence, at most 200 characters: a name, a call, a target.
    #[serde(with = "exposed")]
    pub detail: Untrusted<String>,
}

/// The closed set of remarkable things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The content is not what the name or the claimed type says.
    TypeMismatch,
    /// Valid as more than one type at once.
    Polyglot,
    /// A name with two endings, the last of which runs: `invoice.pdf.exe`.
    DoubleExtension,
    /// A name that reorders itself with bidirectional controls.
    ReorderedName,
    /// A member whose name climbs out of its folder, or a link out of it.
    PathTraversal,
    /// Its structure is damaged.
    Corrupt,
    /// Encrypted, and no password was found.
    Encrypted,
    /// Encrypted, and opened with a password from the message.
    PasswordFromMessage,
    /// A program: PE, ELF, Mach-O, MSI.
    Executable,
    /// A script that a double click runs.
    Script,
    /// A Windows shortcut; the detail is its command line.
    Shortcut,
    /// A disk image or installer package that programs mount.
    DiskImage,
    /// A mail inside.
    NestedMail,
    /// VBA or Excel 4 macros.
    Macro,
    /// A macro that runs by itself; the detail is its name.
    MacroAutoexec,
    /// A macro with a call that downloads, writes or runs.
    MacroSuspicious,
    /// A document that loads its template from elsewhere.
    ExternalTemplate,
    /// Another reference of a document that is loaded from elsewhere.
    ExternalReference,
    /// Dynamic data exchange: a field that runs a program.
    Dde,
    /// An object embedded in a document.
    EmbeddedObject,
    /// JavaScript in a PDF.
    PdfScript,
    /// A PDF action that runs by itself on opening.
    PdfOpenAction,
    /// A PDF action that starts a program or opens a file.
    PdfLaunch,
    /// A PDF form that sends itself away.
    PdfSubmit,
    /// HTML that builds a file in the browser.
    HtmlSmuggling,
    /// Script that hides what it does.
    ObfuscatedScript,
    /// A `data:` URI with a document or script.
    DataUri,
    /// A form that asks for a password.
    PasswordForm,
    /// A QR code; the detail is its content.
    QrCode,
    /// XML with entities that expand.
    EntityExpansion,
    /// XML with an entity from elsewhere.
    ExternalEntity,
    /// The EICAR test file.
    TestVirus,
}

/// One link of a file, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLink {
    /// How the file refers to it.
    pub source: LinkSource,
    /// The target as written.
    #[serde(with = "exposed")]
    pub target: Untrusted<String>,
    /// The visible text, at most 200 characters.
    #[serde(with = "exposed")]
    pub text: Untrusted<String>,
}

/// How a file refers to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkSource {
    /// A person clicks it.
    Click,
    /// A form sends to it.
    Form,
    /// The page leaves by itself.
    Refresh,
    /// Loaded without a click.
    Load,
    /// Written out in text.
    Text,
    /// Read from a QR code.
    QrCode,
    /// In a script or macro.
    Script,
}

/// A YARA rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHit {
    /// Namespace: the rules file without its ending.
    pub file: String,
    /// The rule's name.
    pub rule: String,
    /// Its `description`, when it has one.
    pub description: Option<String>,
}

/// A bound that was reached, or a form that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// More bytes than may be produced.
    Produced,
    /// One member produced more bytes than it may.
    Member,
    /// Containers nested too deep.
    Depth,
    /// More members than are looked at.
    Members,
    /// A picture too large to decode.
    Pixels,
    /// More pictures than are searched.
    Pictures,
    /// More text, links or notes than are kept.
    Kept,
    /// A form that no reader is at hand for.
    Unsupported,
    /// The work took too much time and was ended.
    Time,
    /// The work took too much memory, or its process fell.
    Memory,
    /// The process for this work could not be started.
    Unavailable,
}

impl Stop {
    /// In plain words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Produced => "it unpacks to more than is looked at",
            Self::Member => "a member unpacks to more than is looked at",
            Self::Depth => "files lie in files too deep",
            Self::Members => "it holds more files than are looked at",
            Self::Pixels => "a picture is too large to be searched",
            Self::Pictures => "it holds more pictures than are searched",
            Self::Kept => "it holds more text, links or notes than are kept",
            Self::Unsupported => "no reader is at hand for its form",
            Self::Time => "it took too much time",
            Self::Memory => "it took too much memory, or its reader fell",
            Self::Unavailable => "the process for it could not be started",
        }
    }
}

impl FileReport {
    /// Itself and every file inside it, outer before inner.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.members.iter().rev());
            Some(next)
        })
    }

    /// Whether it and all inside it were read whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.all().all(|file| file.stops.is_empty())
    }
}
