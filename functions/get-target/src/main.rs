//! The Lambda function `get-target`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_target::OPERATION)
}
