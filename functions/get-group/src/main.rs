//! The Lambda function `get-group`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_group::OPERATION)
}
