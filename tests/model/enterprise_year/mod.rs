//! An enterprise's year, from its first roster to the December restart, over real QUIC and the
//! embedding API (SPEC D, G, M, P, Q).
//!
//! Everything is asserted from outside: by replies, by what a live session reads, by queries and by
//! the log's own records. The year is one walk: what a season leaves is what the next one finds.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod autumn;
mod company;
mod january;
mod spring;
mod summer;
mod winter;
mod world;

use world::{World, at};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enterprise_lives_through_a_year() {
    let mut world = World::open(at("2027-01-04T01:00:00Z"));
    let company = january::found(&world).await;
    let groups = spring::bind_groups(&mut world, &company).await;
    let summer = summer::win_customers(&mut world, &company, &groups).await;
    autumn::send_to_many(&mut world, &company, &groups, &summer).await;
    autumn::part(&mut world, &company, &groups, &summer).await;
    winter::close_groups(&mut world, &company, &groups, &summer).await;
    winter::restart(world, &company, &groups, &summer).await;
}
