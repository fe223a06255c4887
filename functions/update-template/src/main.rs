//! The Lambda function `update-template`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_template::OPERATION)
}
