//! The Lambda function `delete-plan`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&delete_plan::OPERATION)
}
