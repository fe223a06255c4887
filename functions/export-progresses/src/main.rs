//! The Lambda function `export-progresses`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&export_progresses::OPERATION)
}
