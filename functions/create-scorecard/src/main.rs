//! The Lambda function `create-scorecard`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&create_scorecard::OPERATION)
}
