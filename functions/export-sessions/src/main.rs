//! The Lambda function `export-sessions`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&export_sessions::OPERATION)
}
