//! The Lambda function `update-session`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_session::OPERATION)
}
