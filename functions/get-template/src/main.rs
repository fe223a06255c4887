//! The Lambda function `get-template`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_template::OPERATION)
}
