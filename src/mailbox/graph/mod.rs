//! mailbox/graph.
