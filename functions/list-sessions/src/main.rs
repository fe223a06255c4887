//! The Lambda function `list-sessions`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_sessions::OPERATION)
}
