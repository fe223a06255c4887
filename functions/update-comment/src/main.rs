//! The Lambda function `update-comment`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_comment::OPERATION)
}
