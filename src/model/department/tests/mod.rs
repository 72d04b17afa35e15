mod follow;
mod tree;
mod visibility;
