//! SkyPilot's tables: one a provider, columns in different orders, some missing.
//!
//! Google's prices machines and accelerators apart, row by row: they are put together by the machine type that holds so
//! many of the part, zone by zone; where either has no price, neither has the whole.

use std::collections::BTreeMap;

use super::{Reader, Row, SPELLINGS, rows};

/// Prices of machines without accelerators, by type and zone: on demand, spot.
type Machines = BTreeMap<(String, String), [String; 4]>;
/// Accelerators without a machine: name, count, region, zone, on demand, spot.
type Bare = Vec<[String; 6]>;

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let mut machines = Machines::new();
    let mut bare = Bare::new();
    rows(text, reader, |reader, columns, record| {
        let get = |name: &str| columns.get(record, name);
        let row = Row {
            instance: get("instancetype"),
            accelerator: get("acceleratorname"),
            count: get("acceleratorcount"),
            said: get("gpuinfo"),
            memory_gb: None,
            region: get("region"),
            vcpus: get("vcpus"),
            host_memory: get("memorygib"),
            on_demand: get("price"),
            spot: get("spotprice"),
        };
        if row.accelerator.is_empty() {
            reader.without += 1;
            let zone = (row.instance.to_owned(), get("availabilityzone").to_owned());
            machines.insert(zone, [row.on_demand, row.spot, row.vcpus, row.host_memory].map(str::to_owned));
        } else if row.instance.is_empty() && super::tpu(row.accelerator).is_none() {
            let zone = get("availabilityzone");
            bare.push([row.accelerator, row.count, row.region, zone, row.on_demand, row.spot].map(str::to_owned));
        } else if row.instance.is_empty() {
            // A TPU slice is a machine of its own, under its own name.
            reader.take(&Row { instance: row.accelerator, ..row });
        } else {
            reader.take(&row);
        }
    });
    for [accelerator, count, region, zone, on_demand, spot] in &bare {
        whole(reader, &machines, [accelerator, count, region, zone], [on_demand, spot]);
    }
}

/// An accelerator with the machine that holds it.
fn whole(reader: &mut Reader<'_>, machines: &Machines, of: [&String; 4], prices: [&String; 2]) {
    let [accelerator, count, region, zone] = of.map(String::as_str);
    let number = count.parse::<f64>().unwrap_or_default();
    let fits = |row: &&(String, u64, String)| row.0.eq_ignore_ascii_case(accelerator) && row.1 as f64 == number;
    let Some((.., host)) = SPELLINGS.gcp.hosts.iter().find(fits) else {
        return reader.take(&Row { accelerator, count, region, ..Row::default() });
    };
    let Some([on_demand, spot, vcpus, memory]) = machines.get(&(host.clone(), zone.to_owned())) else {
        let reason = "an accelerator whose machine has no price in that zone".to_owned();
        return reader.leave_out(reason, host, region);
    };
    // A machine of nothing is part of the accelerator's price; a blank is not.
    let sum = |one: &str, other: &str| match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) if one != 0.0 => format!("{}", one + other),
        (Ok(one), Ok(_)) => format!("{one}"),
        _ => String::new(),
    };
    let (on_demand, spot) = (sum(prices[0], on_demand), sum(prices[1], spot));
    reader.take(&Row {
        instance: host,
        accelerator,
        said: "",
        count,
        memory_gb: None,
        region,
        vcpus,
        host_memory: memory,
        on_demand: &on_demand,
        spot: &spot,
    });
}
