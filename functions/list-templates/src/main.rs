//! The Lambda function `list-templates`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_templates::OPERATION)
}
