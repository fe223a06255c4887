//! The Lambda function `get-session`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_session::OPERATION)
}
