//! The Lambda function `delete-target`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&delete_target::OPERATION)
}
