//! The Lambda function `get-job`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_files(&get_job::OPERATION)
}
