//! What auditors use, offline or apart from the delivery path.
