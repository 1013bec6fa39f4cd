//! The theme's scripts, as modules: checked, and without what only their authors read.

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_minifier::{CompressOptions, MangleOptions, Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;

use crate::diagnostics::{Diagnostic, Source};

/// The minified script; a fault tells where its syntax is wrong.
pub(super) fn minified(source: &Source) -> Result<String, Diagnostic> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &source.text, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.first() {
        let fault = Diagnostic::error("script-invalid", &[("reason", &error.message)]);
        return Err(match error.labels.first() {
            Some(label) => {
                let start = label.offset() as usize;
                fault.at(source, start..start + label.len() as usize)
            }
            None => fault.in_file(&source.file),
        });
    }
    let mut program = parsed.program;
    let options = MinifierOptions {
        mangle: Some(MangleOptions::default()),
        mangle_properties: None,
        compress: Some(CompressOptions::smallest()),
    };
    let scoping = Minifier::new(options).minify(&allocator, &mut program).scoping;
    let options =
        CodegenOptions { minify: true, comments: CommentOptions::disabled(), ..CodegenOptions::default() };
    Ok(Codegen::new().with_options(options).with_scoping(scoping).build(&program).code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_loses_what_only_its_author_reads() {
        let source =
            Source::new("a.js", "// Why.\nexport function twice(number) {\n  return number * 2;\n}\n");
        let minified = minified(&source).unwrap();
        assert!(minified.len() < 50 && minified.contains("export function twice("), "{minified}");
    }

    #[test]
    fn a_script_that_is_wrong_is_told_with_its_place() {
        let fault = minified(&Source::new("a.js", "let a = 1;\nlet b = (;\n")).unwrap_err();
        assert_eq!((fault.code, fault.line), ("script-invalid", 2));
    }
}
