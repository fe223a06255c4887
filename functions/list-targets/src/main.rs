//! The Lambda function `list-targets`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_targets::OPERATION)
}
