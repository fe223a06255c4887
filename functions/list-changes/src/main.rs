//! The Lambda function `list-changes`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_changes::OPERATION)
}
