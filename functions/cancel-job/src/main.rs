//! The Lambda function `cancel-job`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&cancel_job::OPERATION)
}
