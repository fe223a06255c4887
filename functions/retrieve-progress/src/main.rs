//! The Lambda function `retrieve-progress`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&retrieve_progress::OPERATION)
}
