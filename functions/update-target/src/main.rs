//! The Lambda function `update-target`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_target::OPERATION)
}
