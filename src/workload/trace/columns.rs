//! Traces in CSV: which columns say what.

use super::{
    super::dataset::{BadRow, text, tokens},
    row::{Parsed, Request},
    time::{of_date, of_seconds},
};
use crate::{config::TraceFormat, units::show_count_of};

/// How moments are written.
#[derive(Debug, Clone, Copy)]
enum Clock {
    Date,
    Seconds,
}

/// A layout of columns: those of the time, of prompt tokens and of output tokens.
struct Layout {
    format: TraceFormat,
    names: [&'static str; 3],
    clock: Clock,
}

const LAYOUTS: [Layout; 2] = [
    Layout {
        format: TraceFormat::Azure,
        names: ["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
        clock: Clock::Date,
    },
    Layout {
        format: TraceFormat::Burstgpt,
        names: ["Timestamp", "Request tokens", "Response tokens"],
        clock: Clock::Seconds,
    },
];

/// Where in a record things are.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// How many there are.
    count: usize,
    clock: Clock,
    /// The name and the place of the time, the prompt tokens and the output tokens.
    fields: [(&'static str, usize); 3],
}

impl Columns {
    /// By the names in a header: of this format, or of whichever has such columns.
    ///
    /// # Errors
    ///
    /// The first column that is lacking; `None` where nobody said which there should be.
    pub(super) fn by_header(
        header: &[String],
        said: Option<TraceFormat>,
    ) -> Result<(TraceFormat, Self), Option<&'static str>> {
        let mut lacking = None;
        for layout in LAYOUTS.iter().filter(|layout| said.is_none_or(|said| said == layout.format)) {
            let mut columns = layout.names.map(|name| (name, header.len()));
            for (name, place) in &mut columns {
                *place = header.iter().position(|column| column == name).unwrap_or(header.len());
            }
            match columns.iter().find(|(_, place)| *place == header.len()) {
                None => {
                    return Ok((
                        layout.format,
                        Self { count: header.len(), clock: layout.clock, fields: columns },
                    ));
                }
                Some((name, _)) => lacking = said.map(|_| *name),
            }
        }
        Err(lacking)
    }

    /// Reads a record.
    pub(super) fn row(&self, record: &csv::ByteRecord) -> Result<Parsed, BadRow> {
        if record.len() != self.count {
            let has = show_count_of(record.len() as u64, "column");
            return Err(BadRow::Wrong(format!("has {has}, and the header has {}", self.count)));
        }
        let [time, input, output] = self.fields;
        let column = |(_, place): (&str, usize)| text(record.get(place).unwrap_or_default()).map(str::trim);
        let written = column(time)?;
        let at_ns = match self.clock {
            Clock::Date => of_date(written).ok_or("a time such as `2023-11-16 18:17:03.9799600`"),
            Clock::Seconds => of_seconds(written).ok_or("a number of seconds"),
        };
        let at_ns = at_ns
            .map_err(|wanted| BadRow::Wrong(format!("has `{written:.40}` as `{}`, not {wanted}", time.0)))?;
        let number = |of: (&'static str, usize)| {
            let written = column(of)?;
            let whole = || BadRow::Wrong(format!("has `{written:.40}` as `{}`, not a whole number", of.0));
            written.parse::<u64>().map_err(|_| whole())
        };
        let input = tokens(number(input)?, input.0)?;
        Ok(match number(output)? {
            0 => Parsed::Unanswered(at_ns),
            asked => Parsed::Request(Request {
                at_ns,
                input,
                output: tokens(asked, output.0)?,
                ..Request::default()
            }),
        })
    }
}
