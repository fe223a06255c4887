//! The Lambda function `unknown-path`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&unknown_path::OPERATION)
}
