//! The Lambda function `retrieve-quota`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&retrieve_quota::OPERATION)
}
