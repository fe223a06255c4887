//! The Lambda function `list-sessions`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_sessions::OPERATION)
}
