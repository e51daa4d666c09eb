//! Price feeds in the form their publishers give them: what is read, and what is left out with which reason.

use outlay_catalog::Catalog;
use outlay_catalog::feeds::changes::{changes, prices};
use outlay_catalog::feeds::known::known;
use outlay_catalog::feeds::{About, Form, Reading, form};
use outlay_catalog::offers::{Quote, quotes, table};

const DAY: &str = "2026-11-24";

fn read(provider: &str, text: &str) -> Reading {
    Catalog::built_in().read_feed(text, About { provider, day: DAY }).expect("a table")
}

fn told(reading: &Reading) -> Vec<String> {
    let price = |price: Option<f64>| price.map_or("-".to_owned(), |price| format!("{price}"));
    let each = reading.quotes.iter().map(|quote| {
        let Quote { region, instance, accelerator, count, .. } = quote;
        let (on_demand, spot) = (price(quote.on_demand_usd_h), price(quote.spot_usd_h));
        format!("{} {region} {instance} {count}x {accelerator} {on_demand} {spot}", quote.provider)
    });
    let out = reading.left_out.iter().map(|out| format!("{} {} ({})", out.rows, out.reason, out.example));
    each.chain(out).collect()
}

/// SkyPilot's own table of AWS: zones of a region in rows of their own, a part that is a slice, parts nobody trains on.
#[test]
fn skypilot_aws() {
    let reading = read(
        "aws",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone,Arch,LocalDiskType,LocalDiskSize,LocalDiskCount\n\
         p5.48xlarge,H100,8.0,192.0,2048.0,\"{'Gpus': [{'Name': 'H100', 'Manufacturer': 'NVIDIA', 'Count': 8}], 'TotalGpuMemoryInMiB': 655360}\",55.04,21.0,us-east-1,use1-az1,x86_64,ssd,3800,8\n\
         p5.48xlarge,H100,8.0,192.0,2048.0,,55.04,25.4,us-east-1,use1-az2,x86_64,ssd,3800,8\n\
         p5.48xlarge,H100,8.0,192.0,2048.0,,55.04,,us-east-1,use1-az6,x86_64,ssd,3800,8\n\
         p4de.24xlarge,A100-80GB,8.0,96.0,1152.0,,40.96,,us-west-2,usw2-az1,x86_64,ssd,1000,8\n\
         g6f.large,L4,0.125,2.0,8.0,,0.202,0.09,us-east-1,use1-az1,x86_64,,,\n\
         g3.4xlarge,M60,1.0,16.0,122.0,,1.14,0.4,us-east-1,use1-az1,x86_64,,,\n\
         m5.large,,,2.0,8.0,,0.096,0.04,us-east-1,use1-az1,x86_64,,,\n",
    );
    assert_eq!((reading.form, reading.rows, reading.without, reading.zones), (Form::SkyPilot, 7, 1, 2));
    assert_eq!(
        told(&reading),
        [
            "aws us-east-1 p5.48xlarge 8x h100-sxm 55.04 23.2",
            "aws us-west-2 p4de.24xlarge 8x a100-80gb-sxm 40.96 -",
            "1 a slice of an accelerator (g6f.large in us-east-1)",
            "1 unknown accelerator M60 (g3.4xlarge in us-east-1)",
        ]
    );
}

/// Google's machines and accelerators are priced apart; TPU slices are named by cores; a T4 goes into any machine.
#[test]
fn skypilot_gcp() {
    let reading = read(
        "gcp",
        "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice\n\
         a2-highgpu-8g,96.0,680.0,,,,us-central1,us-central1-a,5.920,1.776\n\
         a4-highgpu-8g,224.0,3968.0,,,,us-central1,us-central1-a,0.0,0.0\n\
         ,,,A100,8.0,A100,us-central1,us-central1-a,23.47,7.04\n\
         ,,,B200,8.0,B200,us-central1,us-central1-a,88.0,\n\
         ,,,A100,8.0,A100,us-central1,us-central1-f,23.47,7.04\n\
         ,,,T4,1.0,T4,us-central1,us-central1-a,0.35,0.11\n\
         ,,,tpu-v5p-8,1.0,tpu-v5p-8,us-east5,us-east5-a,16.8,5.0\n\
         ,,,tpu-v4-32,1.0,tpu-v4-32,us-central2,us-central2-b,51.5,15.5\n",
    );
    assert_eq!(
        told(&reading),
        [
            "gcp us-central1 a2-highgpu-8g 8x a100-40gb-sxm 29.39 8.816",
            "gcp us-central1 a4-highgpu-8g 8x b200-sxm 88 -",
            "gcp us-east5 tpu-v5p-8 4x tpu-v5p 16.8 5",
            "1 a TPU slice over several hosts: it is sold whole (tpu-v4-32 in us-central2)",
            "1 an accelerator whose machine has no price in that zone (a2-highgpu-8g in us-central1)",
            "1 sold beside a machine of one's choice: no price of the whole ( in us-central1)",
        ]
    );
}

/// Azure writes zero for H100 machines whose price it does not know; Lambda has other columns and tells boards apart.
#[test]
fn skypilot_azure_lambda_runpod_vast() {
    let azure = read(
        "azure",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,Generation\n\
         Standard_ND96isr_H100_v5,H100,8.0,96.0,1900.0,,98.32,29.5,eastus,V2\n\
         Standard_NC80adis_H100_v5,H100,2.0,80.0,640.0,,0.0,0.0,centralus,V2\n",
    );
    assert_eq!(
        told(&azure),
        [
            "azure eastus Standard_ND96isr_H100_v5 8x h100-sxm 98.32 29.5",
            "1 a price of zero, which feeds write for what they do not know (Standard_NC80adis_H100_v5 in centralus)",
        ]
    );
    let lambda = read(
        "lambda",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n\
         gpu_1x_h100_pcie,H100,1.0,26.0,200.0,2.49,us-east-1,\"{'Gpus': []}\",\n\
         gpu_8x_h100_sxm5,H100,8.0,208.0,1800.0,23.92,us-east-1,,\n",
    );
    assert_eq!(
        told(&lambda),
        [
            "lambda us-east-1 gpu_1x_h100_pcie 1x h100-pcie 2.49 -",
            "lambda us-east-1 gpu_8x_h100_sxm5 8x h100-sxm 23.92 -",
        ]
    );
    let runpod = read(
        "runpod",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,SpotPrice,Price,Region,AvailabilityZone,GpuInfo\n\
         1x_RTX4090_SECURE,RTX4090,1.0,16.0,24.0,0.34,0.69,US,US-GA-1,\n\
         1x_RTX4090_SECURE,RTX4090,1.0,16.0,24.0,0.34,NaN,CA,CA-MTL-1,\n\
         1x_L40S_SECURE,L40S,1.0,16.0,24.0,0.34,-0.8,CA,CA-MTL-1,\n\
         1x_A100-80GB_SECURE,A100-80GB,1.0,8.0,117.0,1.39,1.39,IN,AP-IN-1,\"{'Gpus': [{'Name': 'A100 PCIe', 'Manufacturer': 'Nvidia', 'Count': 1}]}\"\n",
    );
    assert_eq!(
        told(&runpod),
        [
            "runpod IN 1x_A100-80GB_SECURE 1x a100-80gb-pcie 1.39 -",
            "runpod US 1x_RTX4090_SECURE 1x rtx-4090 0.69 0.34",
            "1 a price below zero (1x_L40S_SECURE in CA)",
            "1 a price that is no number (1x_RTX4090_SECURE in CA)",
        ]
    );
    let vast = read(
        "vast",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,GpuInfo,HostingType\n\
         1x-RTX_4090-16-65536,RTX4090,1,16.0,64.0,0.29,0.21,\"Texas, US, US\",\"{'Gpus': [{'Name': 'RTX4090', 'Count': 1}]}\",0\n\
         1x-RTX_6000Ada-16-65536,RTX6000-Ada,1,16.0,64.0,9000,,\"Norway, NO, NO\",,1\n",
    );
    assert_eq!(
        told(&vast),
        [
            "vast Texas, US, US 1x-RTX_4090-16-65536 1x rtx-4090 0.29 0.21",
            "1 no plausible price: $0.01 to $200 an hour of an accelerator (1x-RTX_6000Ada-16-65536 in Norway, NO, NO)",
        ]
    );
}

/// gpuhunt tells sizes by memory, ways of buying by row, and Google's places by zone.
#[test]
fn gpuhunt_tables() {
    let head = "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor,flags,cpu_arch,provider_data\n";
    let reading = read(
        "gcp",
        &format!(
            "{head}a2-ultragpu-8g,us-central1-a,40.55,96,1360.0,8,A100,80.0,False,,nvidia,,x86,{{}}\n\
             a2-ultragpu-8g,us-central1-c,40.55,96,1360.0,8,A100,80.0,False,,nvidia,,x86,{{}}\n\
             a2-ultragpu-8g,us-central1-c,12.2,96,1360.0,8,A100,80.0,True,,nvidia,,x86,{{}}\n\
             v5litepod-8,us-west4-a,9.6,112,192.0,1,v5litepod-8,,False,,google,,x86,{{}}\n\
             e2-medium,us-central1-a,0.03,2,4.0,0,,,False,,,,x86,{{}}\n\
             odd,us-central1-a,1.0,2,4.0,1,A100,64.0,False,,nvidia,,x86,{{}}\n"
        ),
    );
    assert_eq!((reading.form, reading.without, reading.zones), (Form::GpuHunt, 1, 2));
    assert_eq!(
        told(&reading),
        [
            "gcp us-central1 a2-ultragpu-8g 8x a100-80gb-sxm 40.55 12.2",
            "gcp us-west4 v5litepod-8 8x tpu-v5e 9.6 -",
            "1 A100 with 64 GB is none of the parts we know (odd in us-central1)",
        ]
    );
    let other = read(
        "lambdalabs",
        &format!("{head}gpu_8x_b200,us-east-1,39.92,208,2900,8,B200,180.0,False,,nvidia,,x86,{{}}\n"),
    );
    assert_eq!(told(&other), ["lambda us-east-1 gpu_8x_b200 8x b200-sxm 39.92 -"]);
}

/// A sheet in our own columns keeps its days and sources; a row with a fault is left out, not the sheet.
#[test]
fn a_sheet_of_ones_own() {
    let reading = read(
        "file",
        "provider,region,instance,accelerator,count,vcpus,host_memory_gb,on_demand_usd_h,spot_usd_h,reserved_1y_usd_h,reserved_3y_usd_h,as_of,source\n\
         acme,de-1,box8,H200,8,,,24,,18,,2026-11-01,offer 17\n\
         acme,de-1,box8,H200,eight,,,24,,,,2026-11-01,offer 17\n\
         acme,de-1,later,H200,8,,,24,,,,2027-11-01,offer 17\n\
         acme,de-1,free,H200,8,,,0,,,,2026-11-01,offer 17\n",
    );
    assert_eq!(reading.quotes.len(), 1);
    assert_eq!((reading.quotes[0].as_of.as_str(), reading.quotes[0].reserved_1y_usd_h), ("2026-11-01", Some(18.0)));
    let reasons: Vec<&str> = reading.left_out.iter().map(|out| out.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("to come")), "{reasons:?}");
}

#[test]
fn what_is_no_table_is_named() {
    let why = |text: &str| form(text).expect_err("no table");
    assert!(why("").contains("empty"));
    assert!(why(" \n<!DOCTYPE html><html>").contains("HTML"));
    assert!(why("{\"data\": []}").contains("JSON"));
    assert!(why("name,price\nx,1\n").contains("no feed"));
    // A table cut in the middle of a row: the whole rows stand.
    let head = "InstanceType,AcceleratorName,AcceleratorCount,Price,Region\n";
    let cut = read("aws", &format!("{head}p5.48xlarge,H100,8,55.04,us-east-1\np5.48xlarge,H1"));
    assert_eq!((cut.quotes.len(), cut.left_out.len()), (1, 1));
}

#[test]
fn changes_are_sorted_out_and_jumps_apart() {
    let quote = |instance: &str, price: f64| Quote {
        instance: instance.into(),
        on_demand_usd_h: Some(price),
        ..read("aws", "InstanceType,AcceleratorName,AcceleratorCount,Price,Region\np,H100,8,55.04,us-east-1\n").quotes
            [0]
        .clone()
    };
    let before =
        prices(&[quote("same", 10.0), quote("up", 10.0), quote("down", 10.0), quote("wrong", 3.0), quote("old", 9.0)]);
    let after = prices(&[
        quote("same", 10.0),
        quote("up", 12.0),
        quote("down", 8.0),
        quote("wrong", 300.0),
        quote("fresh", 9.0),
    ]);
    let all = changes(&before, &after, |_| true);
    let name = |list: &[outlay_catalog::feeds::changes::Change]| {
        list.iter().map(|c| c.key.instance.clone()).collect::<Vec<_>>()
    };
    assert_eq!(name(&all.new), ["fresh"]);
    assert_eq!(name(&all.gone), ["old"]);
    assert_eq!(name(&all.dearer), ["up"]);
    assert_eq!(name(&all.cheaper), ["down"]);
    assert_eq!(name(&all.jumps), ["wrong"]);
    assert_eq!(all.same, 1);
}

/// A whole list replaces a provider; a sheet replaces the prices it names; the future is not known.
#[test]
fn what_is_known_on_a_day() {
    let built_in = quotes(outlay_catalog::offers::TEXT).expect("well-formed");
    assert_eq!(table(&built_in).lines().count(), built_in.len() + 1);
    let mine = Quote { on_demand_usd_h: Some(1.0), spot_usd_h: None, ..built_in[0].clone() };
    let rows = known(&built_in, std::slice::from_ref(&mine), &[], DAY);
    assert_eq!(prices(&rows).len(), prices(&built_in).len());
    assert!(rows.contains(&mine));
    let rows = known(&built_in, std::slice::from_ref(&mine), std::slice::from_ref(&mine.provider), DAY);
    assert_eq!(rows.iter().filter(|quote| quote.provider == mine.provider).count(), 1);
    assert!(known(&built_in, &[], &[], "2020-01-01").is_empty());
    assert!(known(&built_in, &[], &[], "2026-08-01").iter().all(|quote| quote.as_of.as_str() <= "2026-08-01"));
}

/// Names that Vast's table gives to the two cards of one series.
#[test]
fn skypilot_short_names_of_cards() {
    let reading = read(
        "vast",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n\
         1x_RTXPRO6000S,RTXPRO6000S,1,8,32,1.23,US,,\n\
         1x_RTXPRO6000WS,RTXPRO6000WS,1,8,32,1.31,US,,\n\
         1x_RTX3060,RTX3060,1,8,32,0.05,US,,\n",
    );
    assert_eq!(
        told(&reading),
        [
            "vast US 1x_RTXPRO6000S 1x rtx-pro-6000-server 1.23 -",
            "vast US 1x_RTXPRO6000WS 1x rtx-pro-6000 1.31 -",
            "1 unknown accelerator RTX3060 (1x_RTX3060 in US)",
        ]
    );
}
