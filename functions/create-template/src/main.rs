//! The Lambda function `create-template`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_template::OPERATION)
}
