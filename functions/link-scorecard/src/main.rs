//! The Lambda function `link-scorecard`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&link_scorecard::OPERATION)
}
