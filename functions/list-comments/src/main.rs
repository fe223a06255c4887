//! The Lambda function `list-comments`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_with_pages(&list_comments::OPERATION)
}
