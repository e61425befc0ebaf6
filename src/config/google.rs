//! Section `google`.
