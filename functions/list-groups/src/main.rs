//! The Lambda function `list-groups`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_groups::OPERATION)
}
