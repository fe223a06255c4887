//! The Lambda function `delete-scorecard`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&delete_scorecard::OPERATION)
}
