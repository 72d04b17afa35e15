//! Sessions as cursors into per-group rings: live delivery, catch-up and sync in one mechanism.
