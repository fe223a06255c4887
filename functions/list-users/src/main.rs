//! The Lambda function `list-users`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_users::OPERATION)
}
