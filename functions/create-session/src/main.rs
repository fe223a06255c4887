//! The Lambda function `create-session`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_session::OPERATION)
}
