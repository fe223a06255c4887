//! The Lambda function `retrieve-overviews`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&retrieve_overviews::OPERATION)
}
