//! The local HTTP port: metrics and health.
