//! The Lambda function `retrieve-progress`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&retrieve_progress::OPERATION)
}
