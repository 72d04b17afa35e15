//! Every knob: default, unit, range, cost.
