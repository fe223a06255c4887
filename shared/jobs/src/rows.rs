//! The file that an export makes: a table with a header, or a message of the API on each line.

use coaching_domain::export::{FileForm, Format};
use coaching_domain::{Error, Timestamp};
use csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;

use crate::cells;

/// The character that tells a spreadsheet that a table is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes the cells of a table in the form that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a>(&'a FileForm);

impl Cells<'_> {
    /// A text, behind an apostrophe if a spreadsheet may take it for a formula.
    pub fn text(self, text: &str) -> String {
        cells::text(text, self.0.raw_text).into_owned()
    }

    /// A text, if there is one.
    pub fn optional_text(self, text: Option<&str>) -> String {
        self.text(text.unwrap_or_default())
    }

    /// A text in a column of scores, behind an apostrophe also if it would be taken for another score.
    pub(crate) fn text_of_score(self, text: &str) -> String {
        cells::text_of_score(text, self.0.raw_text).into_owned()
    }

    /// A time, if there is one.
    pub fn time(self, time: Option<Timestamp>) -> String {
        time.map(|time| self.0.local(time)).unwrap_or_default()
    }

    /// A number, if there is one.
    pub fn number(self, number: Option<f64>) -> String {
        number.map(cells::number).unwrap_or_default()
    }
}

/// The rows of one file.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    form: &'a FileForm,
    file: File,
    rows: u64,
}

#[derive(Debug)]
enum File {
    Table(Box<Writer<Vec<u8>>>),
    Lines(Vec<u8>),
}

impl<'a> Rows<'a> {
    /// No rows yet; a table has the header `columns`.
    ///
    /// # Errors
    /// INTERNAL if the header cannot be written.
    pub(crate) fn new(form: &'a FileForm, columns: &[String]) -> Result<Self, Error> {
        let file = match form.format() {
            Format::Ndjson => File::Lines(Vec::new()),
            Format::Csv => {
                let begin = if form.omit_byte_order_mark { Vec::new() } else { BYTE_ORDER_MARK.into() };
                let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(begin);
                let header: Vec<String> = columns.iter().map(|name| Cells(form).text(name)).collect();
                write(&mut table, &header)?;
                File::Table(Box::new(table))
            }
        };
        Ok(Self { form, file, rows: 0 })
    }

    /// The number of rows, without the header.
    pub(crate) fn count(&self) -> u64 {
        self.rows
    }

    /// The number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.file {
            File::Table(table) => table.get_ref().len(),
            File::Lines(lines) => lines.len(),
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self.file {
            File::Table(table) => table.into_inner().map_err(|error| Error::internal(error.to_string())),
            File::Lines(lines) => Ok(lines),
        }
    }

    /// Adds what is exported: its `message` as a line, or in a table its `rows`.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written.
    pub(crate) fn add(
        &mut self,
        message: &impl Serialize,
        rows: impl FnOnce(Cells<'a>) -> Vec<Vec<String>>,
    ) -> Result<(), Error> {
        match &mut self.file {
            File::Lines(lines) => {
                serde_json::to_writer(&mut *lines, message).map_err(Error::internal)?;
                lines.push(b'\n');
                self.rows += 1;
            }
            File::Table(table) => {
                for row in rows(Cells(self.form)) {
                    write(table, &row)?;
                    self.rows += 1;
                }
            }
        }
        Ok(())
    }
}

fn write(table: &mut Writer<Vec<u8>>, row: &[String]) -> Result<(), Error> {
    let written = table.write_record(row).and_then(|()| Ok(table.flush()?));
    written.map_err(|error| Error::internal(error.to_string()))
}
