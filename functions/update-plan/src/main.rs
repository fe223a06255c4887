//! The Lambda function `update-plan`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_plan::OPERATION)
}
