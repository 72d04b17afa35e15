//! One file a rule: kinds, ways in, who may, many at once, departments.

mod batch;
mod kinds;
mod policy;
mod ways;
