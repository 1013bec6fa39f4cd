//! What Markdown becomes, case by case.
