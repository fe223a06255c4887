//! The Lambda function `erase-user`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&erase_user::OPERATION)
}
