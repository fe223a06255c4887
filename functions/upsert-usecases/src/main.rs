//! The Lambda function `upsert-usecases`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&upsert_usecases::OPERATION)
}
