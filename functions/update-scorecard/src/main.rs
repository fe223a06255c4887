//! The Lambda function `update-scorecard`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&update_scorecard::OPERATION)
}
