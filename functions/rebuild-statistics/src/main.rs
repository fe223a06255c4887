//! The Lambda function `rebuild-statistics`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_task(&rebuild_statistics::TASK)
}
