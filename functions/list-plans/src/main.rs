//! The Lambda function `list-plans`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_plans::OPERATION)
}
