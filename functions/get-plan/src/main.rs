//! The Lambda function `get-plan`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_plan::OPERATION)
}
