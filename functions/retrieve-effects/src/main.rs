//! The Lambda function `retrieve-effects`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&retrieve_effects::OPERATION)
}
