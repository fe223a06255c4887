//! The Lambda function `upsert-users`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&upsert_users::OPERATION)
}
