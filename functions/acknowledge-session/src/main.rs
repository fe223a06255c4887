//! The Lambda function `acknowledge-session`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&acknowledge_session::OPERATION)
}
