//! The Lambda function `list-changes`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_changes::OPERATION)
}
