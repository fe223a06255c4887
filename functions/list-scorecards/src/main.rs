//! The Lambda function `list-scorecards`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_scorecards::OPERATION)
}
