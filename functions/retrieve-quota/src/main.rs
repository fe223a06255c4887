//! The Lambda function `retrieve-quota`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&retrieve_quota::OPERATION)
}
