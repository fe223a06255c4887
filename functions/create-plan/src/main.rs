//! The Lambda function `create-plan`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_plan::OPERATION)
}
