//! The Lambda function `suggest-opportunities`.

fn main() -> Result<(), coaching_edge::StartError> {
    coaching_edge::run(&suggest_opportunities::OPERATION)
}
