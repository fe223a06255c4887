//! The Lambda function `list-plans`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_plans::OPERATION)
}
