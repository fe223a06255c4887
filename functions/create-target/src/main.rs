//! The Lambda function `create-target`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_target::OPERATION)
}
