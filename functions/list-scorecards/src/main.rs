//! The Lambda function `list-scorecards`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_scorecards::OPERATION)
}
