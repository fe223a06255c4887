//! The Lambda function `upsert-plans`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&upsert_plans::OPERATION)
}
