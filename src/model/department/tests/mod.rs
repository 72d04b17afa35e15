mod follow;
mod naive;
mod sync;
mod tree;
mod visibility;
