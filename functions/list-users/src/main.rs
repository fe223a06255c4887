//! The Lambda function `list-users`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_users::OPERATION)
}
