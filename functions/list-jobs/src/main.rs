//! The Lambda function `list-jobs`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_jobs::OPERATION)
}
