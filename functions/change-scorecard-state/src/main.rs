//! The Lambda function `change-scorecard-state`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&change_scorecard_state::OPERATION)
}
