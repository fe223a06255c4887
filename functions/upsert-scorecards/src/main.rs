//! The Lambda function `upsert-scorecards`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&upsert_scorecards::OPERATION)
}
