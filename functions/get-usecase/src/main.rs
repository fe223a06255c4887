//! The Lambda function `get-usecase`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&get_usecase::OPERATION)
}
