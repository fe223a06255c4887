//! The Lambda function `list-templates`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_templates::OPERATION)
}
