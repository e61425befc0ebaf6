//! Kinds of calls, and how many of each were made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The kind of a call. Parts of a `$batch` count singly, beside the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operation {
    EntraToken,
    EntraKeys,
    EntraMetadata,
    Batch,
    Organisation,
    UsersList,
    UserGet,
    GroupsList,
    GroupGet,
    GroupMembers,
    MailboxSettings,
    MessageRules,
    MessageTrace,
    Hunting,
    GroupMail,
    SubscriptionsList,
    SubscriptionGet,
    SubscriptionCreate,
    SubscriptionRenew,
    SubscriptionDelete,
    SubscriptionReauthorize,
    MessageSearch,
    FolderMessages,
    MessageGet,
    MessageValue,
    MessageMove,
    MessagePatch,
    MessageDelete,
    MessagePurge,
    MessageCreate,
    MessageSend,
    FoldersList,
    FolderGet,
    FolderCreate,
    FolderDelete,
    TranslateIds,
    SendMail,
    MessageEvent,
    EventsList,
    EventGet,
    EventCreate,
    EventDelete,
    GoogleToken,
    GoogleCerts,
    GmailProfile,
    GmailList,
    GmailGet,
    GmailModify,
    GmailBatchModify,
    GmailTrash,
    GmailUntrash,
    GmailDelete,
    GmailInsert,
    GmailSend,
    GmailHistory,
    GmailSettings,
    GmailWatch,
    GmailStop,
    LabelsList,
    LabelGet,
    LabelCreate,
    LabelDelete,
    DirectoryUsers,
    DirectoryUser,
    DirectoryGroups,
    DirectoryGroup,
    DirectoryMembers,
    CalendarList,
    CalendarDelete,
    CalendarPatch,
    Poke,
    Unknown,
}

/// How many calls of each kind were received, refused ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// By kind; kinds that were not called are absent.
    pub by_operation: BTreeMap<Operation, u64>,
    /// HTTP requests that arrived, batches counted once, pokes left out.
    pub requests: u64,
}

impl Counters {
    /// Calls of one kind.
    #[must_use]
    pub fn of(&self, operation: Operation) -> u64 {
        self.by_operation.get(&operation).copied().unwrap_or(0)
    }

    /// Calls of all kinds; a batch counts as its parts, not as itself. Tokens
    /// and keys are left out.
    #[must_use]
    pub fn provider_calls(&self) -> u64 {
        self.by_operation
            .iter()
            .filter(|(operation, _)| {
                !matches!(
                    operation,
                    Operation::Batch
                        | Operation::EntraToken
                        | Operation::EntraKeys
                        | Operation::EntraMetadata
                        | Operation::GoogleToken
                        | Operation::GoogleCerts
                        | Operation::Poke
                        | Operation::Unknown
                )
            })
            .map(|(_, n)| n)
            .sum()
    }

    pub(super) fn count(&mut self, operation: Operation, part: bool) {
        *self.by_operation.entry(operation).or_default() += 1;
        if !part && operation != Operation::Poke {
            self.requests += 1;
        }
    }
}
