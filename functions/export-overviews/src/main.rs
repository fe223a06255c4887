//! The Lambda function `export-overviews`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&export_overviews::OPERATION)
}
