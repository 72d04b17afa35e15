//! People into the CSV file that importing them would leave unchanged (SPEC D6).

use std::io::{self, Write};

use encoding_rs::GB18030;

use super::cell;
use super::columns::{Field, Titled as _};
use super::encoding::Encoding;
use super::person::Person;

/// The file to fill in: its header and one example, in UTF-8 with a byte order mark so that Excel
/// shows it.
#[must_use]
pub fn template() -> &'static str {
    "\u{feff}姓名,工号,手机,部门,职务,邮箱,账号\r\n\
     王芳,A0001,13800138000,总部/研发;总部/平台,工程师,wang.fang@example.com,\r\n"
}

/// Writes people as CSV, with the template's header.
///
/// A text that a spreadsheet would calculate (it begins with `=`, `+`, `-` or `@`; a mobile in E.164 is
/// one) has an apostrophe before it, which importing takes away again. In [`Encoding::Gbk`] what GBK
/// lacks is written as GB18030 has it, so that nothing is lost.
///
/// # Errors
/// Those of the writer.
pub fn export(
    people: impl IntoIterator<Item = Person>,
    mut writer: impl Write,
    encoding: Encoding,
) -> io::Result<()> {
    if encoding == Encoding::Utf8Bom {
        writer.write_all("\u{feff}".as_bytes())?;
    }
    let mut row = Row {
        bytes: Vec::new(),
        writer,
        encoding,
    };
    row.write(Field::ALL.iter().map(|field| field.names()[0].to_owned()))?;
    for person in people {
        let cells = Field::ALL.iter().map(|field| match field {
            Field::Name => person.name.clone(),
            Field::EmployeeNumber => person.employee_number.clone(),
            Field::Mobile => person.mobile.clone(),
            Field::Department => cell::joined(&person.departments),
            Field::Position => person.position.clone(),
            Field::Email => person.email.clone(),
            Field::ExternalId => person.external_id.clone(),
        });
        row.write(cells)?;
    }
    row.writer.flush()
}

/// One row after the other, each encoded on its own: no character of either encoding depends on what
/// is before it.
struct Row<W> {
    bytes: Vec<u8>,
    writer: W,
    encoding: Encoding,
}

impl<W: Write> Row<W> {
    fn write(&mut self, cells: impl Iterator<Item = String>) -> io::Result<()> {
        self.bytes.clear();
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(512)
            .from_writer(&mut self.bytes);
        for cell in cells {
            csv.write_field(cell::guarded(&cell).as_bytes())?;
        }
        csv.write_record(None::<&[u8]>)?;
        csv.flush()?;
        drop(csv);
        match self.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => self.writer.write_all(&self.bytes),
            Encoding::Gbk => {
                let text = String::from_utf8_lossy(&self.bytes);
                self.writer.write_all(&GB18030.encode(&text).0)
            }
        }
    }
}
