//! What is measured of agents: [`overviews`] of their coaching, and their [`progress`]. It is answered page by page, and
//! exported.

pub mod overviews;
pub mod progress;
