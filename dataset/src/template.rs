//! Files to fill in: the columns of a module, as CSV and as a workbook that says what each cell may hold. Not data.

use aops_engine::{Column, Lines, Values};
use rust_xlsxwriter::{
    DataValidation, DataValidationErrorStyle, DataValidationRule, ExcelDateTime, Format, FormatAlign,
    Workbook, XlsxError,
};

/// Rows of the workbook that have rules.
const RULED: u32 = 100_000;
const WIDTH: f64 = 22.0;

/// A CSV with the French names of the columns, for a French spreadsheet: semicolons, and a mark for its encoding.
pub fn csv(lines: &Lines) -> Vec<u8> {
    let titles: Vec<&str> = lines.columns.iter().map(|column| column.title.as_str()).collect();
    format!("\u{feff}{}\r\n", titles.join(";")).into_bytes()
}

/// A workbook whose first sheet is to be filled in; `words` names its sheets and says what a required column is.
///
/// # Errors
/// [`XlsxError`].
pub fn xlsx(lines: &Lines, words: &Words) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top);
    let day = Format::new().set_num_format("dd/mm/yyyy");
    let plain = Format::new();
    let sheet = book.add_worksheet().set_name(&words.data)?;
    sheet.set_freeze_panes(1, 0)?;
    for (index, column) in lines.columns.iter().enumerate() {
        let at = index as u16;
        sheet.write_string_with_format(0, at, &column.title, &bold)?;
        let format = if column.values == Values::Date { &day } else { &plain };
        sheet.set_column_width(at, WIDTH)?.set_column_format(at, format)?;
        if let Some(rule) = rule(column, words)? {
            sheet.add_data_validation(1, at, RULED, at, &rule)?;
        }
    }
    let help = book.add_worksheet().set_name(&words.help)?;
    help.set_column_width(0, WIDTH)?.set_column_width(1, WIDTH)?.set_column_width(2, 60)?;
    for (at, title) in words.heads.iter().enumerate() {
        help.write_string_with_format(0, at as u16, title, &bold)?;
    }
    for (index, column) in lines.columns.iter().enumerate() {
        let row = index as u32 + 1;
        help.write_string(row, 0, &column.title)?.write_string(row, 1, column.name)?;
        let required = if column.required { words.required.as_str() } else { words.optional.as_str() };
        help.write_string(row, 2, required)?.write_string(row, 3, bounds(column))?;
    }
    book.save_to_buffer()
}

/// What a workbook says, in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The sheet to fill in.
    pub data: String,
    /// The sheet that explains the columns.
    pub help: String,
    /// The heads of its columns.
    pub heads: [String; 4],
    /// That a column is required.
    pub required: String,
    /// That one is not.
    pub optional: String,
    /// The title of a message about a wrong cell.
    pub wrong: String,
}

/// What a column may hold, in marks that need no language.
fn bounds(column: &Column) -> String {
    let range = match column.values {
        Values::Number { minimum, maximum } => format!("{minimum} – {maximum}"),
        Values::Integer { minimum, maximum } => format!("{minimum} – {maximum}"),
        Values::Date => "31/12/2025".to_owned(),
        Values::Choice(names) => names.join(" | "),
        Values::Flag => "true | false".to_owned(),
        Values::Text => String::new(),
    };
    match &column.unit {
        Some(unit) => format!("{range} ({unit})"),
        None => range,
    }
}

fn rule(column: &Column, words: &Words) -> Result<Option<DataValidation>, XlsxError> {
    let rule = DataValidation::new().ignore_blank(!column.required);
    let rule = match column.values {
        Values::Number { minimum, maximum } => {
            rule.allow_decimal_number(DataValidationRule::Between(minimum, maximum))
        }
        Values::Integer { minimum, maximum } => {
            let [minimum, maximum] =
                [minimum, maximum].map(|bound| bound.clamp(-1_000_000_000, 1_000_000_000) as i32);
            rule.allow_whole_number(DataValidationRule::Between(minimum, maximum))
        }
        Values::Date => {
            let [first, last] =
                [ExcelDateTime::from_ymd(1900, 1, 1)?, ExcelDateTime::from_ymd(2200, 12, 31)?];
            rule.allow_date(DataValidationRule::Between(first, last))
        }
        Values::Choice(names) => rule.allow_list_strings(names)?,
        Values::Flag => rule.allow_list_strings(&["true", "false"])?,
        Values::Text => return Ok(None),
    };
    let rule = rule.set_error_style(DataValidationErrorStyle::Stop).set_error_title(&words.wrong)?;
    Ok(Some(rule.set_error_message(bounds(column))?))
}
