//! The Lambda function `validate-backfill`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&validate_backfill::OPERATION)
}
