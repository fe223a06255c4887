//! The Lambda function `list-targets`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_targets::OPERATION)
}
