//! The Lambda function `retrieve-series`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&retrieve_series::OPERATION)
}
