//! gpuhunt's tables: one a provider, a row for each way of buying, memory of one accelerator in GB beside its name.

use super::{Reader, Row, region_of, rows};

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let google = super::provider(reader.about.provider) == "gcp";
    rows(text, reader, |reader, columns, record| {
        let get = |name: &str| columns.get(record, name);
        let none = get("gpucount").parse::<f64>().is_ok_and(|count| count == 0.0);
        if get("gpuname").is_empty() || none {
            reader.without += 1;
            return;
        }
        let place = get("location");
        let region = if google { region_of(place) } else { place };
        let price = get("price");
        let (on_demand, spot) = match get("spot").to_ascii_lowercase().as_str() {
            "true" => ("", price),
            "false" => (price, ""),
            _ => return reader.leave_out("neither spot nor not".into(), get("instancename"), region),
        };
        reader.take(&Row {
            instance: get("instancename"),
            accelerator: get("gpuname"),
            said: "",
            count: get("gpucount"),
            memory_gb: super::number(get("gpumemory")),
            region,
            vcpus: get("cpu"),
            host_memory: get("memory"),
            on_demand,
            spot,
        });
    });
}
