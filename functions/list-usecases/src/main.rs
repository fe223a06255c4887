//! The Lambda function `list-usecases`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_usecases::OPERATION)
}
