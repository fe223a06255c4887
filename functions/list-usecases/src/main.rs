//! The Lambda function `list-usecases`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_usecases::OPERATION)
}
