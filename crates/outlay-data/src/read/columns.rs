//! Records out of tables: Parquet, and Arrow's IPC as a file or as a stream, which is how `datasets` keeps its sets.
//!
//! Only the columns that hold the sample are read. Rows are turned into text here, on the reading thread: what follows then
//! has one kind of record less to know.
//!
//! The readers of broken tables sometimes panic rather than return; that is caught, file by file.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::disk::{Meter, Metered};
use super::{Manner, Trouble};
use crate::record::{Batch, Form, Record, Sample, Shape, sample};

/// What to do about a field that is not there.
pub(super) const FIELD: &str = "name the field that holds the text with --field";
const WHOLE: &str = "was it copied or downloaded whole? Its ending says which format it has to have";

/// Bytes of text that rows of a Parquet file are read in, and the rows that makes at least and at most.
const ROWS_BYTES: i64 = 4 << 20;
const ROWS: (i64, i64) = (1, 8192);

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// A table and the columns that hold its samples.
pub(super) struct Table {
    batches: Batches,
    shape: Arc<Shape>,
    row: u64,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("shape", &self.shape).field("row", &self.row).finish_non_exhaustive()
    }
}

/// A Parquet file.
pub(super) fn parquet(file: File, meter: &Arc<Meter>, manner: &Manner) -> Result<Table, Trouble> {
    let file = Metered::new(file, meter);
    guarded("Parquet", || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| broken("Parquet", &e))?;
        let (shape, places) = pick(builder.schema(), manner)?;
        let groups = builder.metadata().row_groups();
        let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
        let leaves = (0..builder.parquet_schema().num_columns()).filter(|leaf| mask.leaf_included(*leaf));
        let bytes: i64 = leaves
            .map(|leaf| groups.iter().map(|group| group.column(leaf).uncompressed_size().max(0)).sum::<i64>())
            .sum();
        let rows = groups.iter().map(|group| group.num_rows().max(0)).sum::<i64>().max(1);
        let at_once = (ROWS_BYTES / (bytes / rows).max(1)).clamp(ROWS.0, ROWS.1);
        let reader = builder.with_projection(mask).with_batch_size(at_once as usize).build();
        let batches = reader.map_err(|e| broken("Parquet", &e))?;
        Ok(Table { batches: Box::new(batches), shape, row: 0 })
    })
}

/// An Arrow file or stream.
pub(super) fn arrow(mut file: File, meter: &Arc<Meter>, manner: &Manner) -> Result<Table, Trouble> {
    let mut magic = [0; 6];
    let is_file = file.read_exact(&mut magic).is_ok() && &magic == b"ARROW1";
    let mut again = || -> std::io::Result<BufReader<Metered>> {
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(1 << 20, Metered::new(file.try_clone()?, meter)))
    };
    guarded("Arrow", || {
        let fault = |e: ArrowError| broken("Arrow", &e);
        let io = |e: std::io::Error| broken("Arrow", &e);
        // Once for the names of its columns, once for those that are wanted.
        let (shape, batches): (_, Batches) = if is_file {
            let schema = FileReader::try_new(again().map_err(io)?, None).map_err(fault)?.schema();
            let (shape, places) = pick(&schema, manner)?;
            (shape, Box::new(FileReader::try_new(again().map_err(io)?, Some(places)).map_err(fault)?))
        } else {
            let schema = StreamReader::try_new(again().map_err(io)?, None).map_err(fault)?.schema();
            let (shape, places) = pick(&schema, manner)?;
            (shape, Box::new(StreamReader::try_new(again().map_err(io)?, Some(places)).map_err(fault)?))
        };
        Ok(Table { batches, shape, row: 0 })
    })
}

fn pick(schema: &Schema, manner: &Manner) -> Result<(Arc<Shape>, Vec<usize>), Trouble> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let shape = Shape::of(&names, manner.field.as_deref(), manner.tokenizer).map_err(|what| {
        Trouble::new(
            None,
            what.replace("fields of its first record", "columns").replace("in its first record", "among its columns"),
            FIELD,
        )
    })?;
    let places = names.iter().enumerate().filter(|(_, name)| shape.fields.iter().any(|field| field == *name));
    let places = places.map(|(place, _)| place).collect();
    Ok((Arc::new(shape), places))
}

fn broken(format: &str, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(None, format!("this is not a whole {format} file: {error}"), WHOLE)
}

fn guarded<T>(format: &str, read: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(broken(format, &"its parts contradict each other")))
}

impl Table {
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Adds some records; whether there may be more.
    pub(super) fn fill(&mut self, batch: &mut Batch, file: usize) -> Result<bool, Trouble> {
        let row = self.row;
        let next = guarded("table", || match self.batches.next() {
            Some(rows) => rows.map(Some).map_err(|e| broken("table", &e)),
            None => Ok(None),
        });
        let next = next.map_err(|trouble| Trouble { line: Some(row + 1), ..trouble })?;
        let Some(rows) = next else { return Ok(false) };
        let columns: Vec<_> = self.shape.fields.iter().filter_map(|field| rows.column_by_name(field)).collect();
        for place in 0..rows.num_rows() {
            self.row += 1;
            let start = batch.buffer.len();
            let form = match append(&columns, place, &self.shape, &mut batch.buffer) {
                Ok(form) => form,
                Err(what) => Form::Broken(what),
            };
            batch.records.push(Record { form, span: start..batch.buffer.len(), file, line: self.row });
        }
        Ok(true)
    }
}

/// Writes the sample of a row.
fn append(columns: &[&Arc<dyn Array>], row: usize, shape: &Shape, buffer: &mut Vec<u8>) -> Result<Form, String> {
    if let [column] = columns {
        if let Some(text) = string(column, row) {
            buffer.extend_from_slice(text.as_bytes());
            return Ok(Form::Text);
        }
        if let Some(ids) = ids(column, row) {
            buffer.extend(ids?);
            return Ok(Form::Ids);
        }
    }
    let values = columns.iter().map(|column| value(column, row)).collect::<Result<Vec<_>, _>>()?;
    match sample(values, shape)? {
        Sample::Text(text) => {
            buffer.extend(text.into_bytes());
            Ok(Form::Text)
        }
        Sample::Ids(ids) => {
            buffer.extend(ids);
            Ok(Form::Ids)
        }
    }
}

fn string(array: &dyn Array, row: usize) -> Option<&str> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Some(array.as_string_view().value(row)),
        _ => None,
    }
}

fn items(array: &dyn Array, row: usize) -> Option<Arc<dyn Array>> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(row)),
        _ => None,
    }
}

/// Whole numbers of a list, 32 bits each.
fn ids(array: &dyn Array, row: usize) -> Option<Result<Vec<u8>, String>> {
    let items = items(array, row)?;
    let items = items.as_ref();
    match items.data_type() {
        DataType::Int8 => Some(packed::<Int8Type>(items)),
        DataType::Int16 => Some(packed::<Int16Type>(items)),
        DataType::Int32 => Some(packed::<Int32Type>(items)),
        DataType::Int64 => Some(packed::<Int64Type>(items)),
        DataType::UInt8 => Some(packed::<UInt8Type>(items)),
        DataType::UInt16 => Some(packed::<UInt16Type>(items)),
        DataType::UInt32 => Some(packed::<UInt32Type>(items)),
        DataType::UInt64 => Some(packed::<UInt64Type>(items)),
        _ => None,
    }
}

fn packed<T: ArrowPrimitiveType<Native: TryInto<u32>>>(items: &dyn Array) -> Result<Vec<u8>, String> {
    let numbers = items.as_primitive::<T>().values();
    let mut bytes = Vec::with_capacity(numbers.len() * 4);
    for number in numbers {
        let id: u32 = (*number).try_into().map_err(|_| format!("{number:?} is not a token id"))?;
        bytes.extend(id.to_le_bytes());
    }
    Ok(bytes)
}

/// A cell as JSON would have it, as far as samples need it.
fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    if let Some(text) = string(array, row) {
        return Ok(Value::from(text));
    }
    if let Some(items) = items(array, row) {
        return (0..items.len()).map(|place| value(&items, place)).collect::<Result<Vec<_>, _>>().map(Value::from);
    }
    match array.data_type() {
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields.iter().zip(columns).filter(|(_, column)| is_text(column.data_type()));
            pairs
                .map(|(field, column)| Ok((field.name().clone(), value(column, row)?)))
                .collect::<Result<_, String>>()
                .map(Value::Object)
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let place = value(dictionary.keys(), row)?.as_u64().ok_or("has a key without a value")?;
            value(dictionary.values(), place as usize)
        }
        DataType::Int8 => Ok(Value::from(array.as_primitive::<Int8Type>().value(row))),
        DataType::Int16 => Ok(Value::from(array.as_primitive::<Int16Type>().value(row))),
        DataType::Int32 => Ok(Value::from(array.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => Ok(Value::from(array.as_primitive::<Int64Type>().value(row))),
        DataType::UInt8 => Ok(Value::from(array.as_primitive::<UInt8Type>().value(row))),
        DataType::UInt16 => Ok(Value::from(array.as_primitive::<UInt16Type>().value(row))),
        DataType::UInt32 => Ok(Value::from(array.as_primitive::<UInt32Type>().value(row))),
        other => Err(format!("a column of {other} holds no text")),
    }
}

/// Whether a part of a turn may hold its text; pictures and times beside it are nothing to us.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Struct(_) => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_text(item.data_type())
        }
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}
