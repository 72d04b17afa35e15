//! Join codes and face-to-face groups, rule by rule.

mod face_to_face;
mod join;
mod live;

use crate::model::State;
use crate::model::town::Town;

/// The state comes back from a snapshot and from the log as it was.
#[track_caller]
fn assert_kept(town: &Town) {
    let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(read.hash(), town.state.hash(), "from a snapshot");
    assert_eq!(town.replayed().hash(), town.state.hash(), "from the log");
}
