//! The Lambda function `start-backfill`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&start_backfill::OPERATION)
}
