//! The Lambda function `whoami`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&whoami::OPERATION)
}
