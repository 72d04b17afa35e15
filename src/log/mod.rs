//! Segmented append-only log: the recovery log and the compliance archive in one.
