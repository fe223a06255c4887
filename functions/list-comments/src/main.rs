//! The Lambda function `list-comments`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&list_comments::OPERATION)
}
