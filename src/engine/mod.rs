//! The sequencer, the log thread, and the path from commands to released effects.
