//! The Lambda function `upsert-groups`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&upsert_groups::OPERATION)
}
