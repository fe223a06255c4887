//! The Lambda function `export-scorecards`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&export_scorecards::OPERATION)
}
