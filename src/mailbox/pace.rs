//! mailbox/pace.
