//! The Lambda function `delete-template`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&delete_template::OPERATION)
}
