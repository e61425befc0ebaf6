//! Section `policy`.
