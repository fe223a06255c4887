//! The Lambda function `delete-session`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&delete_session::OPERATION)
}
