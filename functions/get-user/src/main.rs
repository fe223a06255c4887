//! The Lambda function `get-user`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_user::OPERATION)
}
