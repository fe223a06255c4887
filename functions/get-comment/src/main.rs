//! The Lambda function `get-comment`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_comment::OPERATION)
}
