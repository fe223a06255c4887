//! The Lambda function `retrieve-coach-overviews`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&retrieve_coach_overviews::OPERATION)
}
