mod follow;
mod sync;
mod tree;
mod visibility;
