//! The Lambda function `get-scorecard`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_scorecard::OPERATION)
}
