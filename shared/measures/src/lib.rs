//! What is measured of agents: [`overviews`] of their coaching, and their [`progress`]. It is answered page by page, and
//! exported. And what several operations make of agents' [`scores`].

pub mod overviews;
pub mod progress;
pub mod scores;
