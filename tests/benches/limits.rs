//! What the service may take: a change that passes one of these limits is refused.
//!
//! All are counts or ratios of one run, so they hold on any machine. Each is the figure when it was last set, and about a
//! tenth; a change that is better by more than that lowers it.

#![allow(dead_code, reason = "each measurement holds some of them")]

/// Bytes of a function, stripped: the goal itself.
pub const FUNCTION_BYTES: u64 = 6_000_000;

/// Instructions from a function's start until it asks for its first event, its connection to DynamoDB open.
pub const INSTRUCTIONS_TO_READY: u64 = 2_750_000;

/// Peak memory of a function after its first request, in times that of the hello-world. The goal is 2; the largest
/// function is at 2.0 to 2.06, as pages of the hello-world come and go.
pub const MEMORY_OF_HELLO_WORLD: f64 = 2.15;

/// Allocations for one request, those of the SDK and of the client's connection with them: how many, and bytes. Two thirds
/// of those of `create-session` are for its second call, which looks its people up in the directory.
pub const ALLOCATIONS: [(&str, u64, u64); 3] = [
    ("create-session", 1_600, 218_000),
    ("get-session", 1_010, 144_500),
    ("list-sessions, a page of 50", 3_950, 637_000),
];
