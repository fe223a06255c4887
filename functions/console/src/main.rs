//! The Lambda function `console`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run_website(&console::WEBSITE)
}
