//! The Lambda function `run-job`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_task_with_files(&run_job::TASK)
}
