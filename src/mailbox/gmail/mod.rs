//! mailbox/gmail.
