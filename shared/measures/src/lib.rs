//! What is measured of agents: [`overviews`] of their coaching, by [`coaches`] too, its [`effects`], and their [`progress`]. It is answered
//! page by page, and exported. And what several operations make of agents' [`scores`] and [`sessions`].

pub mod coaches;
pub mod effects;
pub mod overviews;
pub mod progress;
pub mod scores;
pub mod sessions;
