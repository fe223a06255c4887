//! The Lambda function `create-comment`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_comment::OPERATION)
}
