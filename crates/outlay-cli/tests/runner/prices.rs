//! Feeds, the user's prices, lock files: what a person sees.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use insta::assert_snapshot;

use crate::harness::{Place, shown};

const AWS: &str = "\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone
p5.48xlarge,H100,8.0,192.0,2048.0,,50.00,21.1,us-east-1,use1-az1
p5.48xlarge,H100,8.0,192.0,2048.0,,50.00,25.3,us-east-1,use1-az2
p4d.24xlarge,A100,8.0,96.0,1152.0,,2.19,,us-east-1,use1-az1
g3.4xlarge,M60,1.0,16.0,122.0,,1.14,0.4,us-east-1,use1-az1
m5.large,,,2.0,8.0,,0.096,0.04,us-east-1,use1-az1
";
const LAMBDA: &str = "\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice
gpu_8x_h100_sxm5,H100,8.0,208.0,1800.0,31.92,us-east-1,,
";
const JOB: &str = "model.base = \"llama-3.1-8b\"\nmethod.kind = \"lora\"\ndata.tokens = \"20M\"\n\
    hardware.accelerators = [\"h100-sxm\"]\nhardware.providers = [\"aws\"]\nhardware.max_gpus = 8\n";

impl Place {
    /// Runs it with a home in this folder.
    fn at_home(&self, args: &[&str]) -> String {
        shown(&self.command(args).env("OUTLAY_HOME", self.path().join("home")).output().expect("a working test place"))
    }
}

fn feed() -> Place {
    Place::new()
        .file("sky/aws/vms.csv", AWS)
        .file("sky/aws/images.csv", "ImageId,Region\nx,y\n")
        .file("sky/lambda/vms.csv", LAMBDA)
}

#[test]
fn a_folder_of_tables_is_read_and_what_changed_is_said() {
    let place = feed();
    let said = place.at_home(&["offers", "update", "--from", "sky", "--limit", "2"]);
    assert_snapshot!(said, @r#"
    status 0
    --- stdout
    skypilot aws: 5 rows; 3 prices read, 1 without an accelerator, 1 of other zones, 1 left out
      1 row left out: unknown accelerator M60, as g3.4xlarge in us-east-1
    skypilot lambda: 1 rows; 1 prices read, 0 without an accelerator, 0 of other zones, 0 left out
    passed over: sky/aws/images.csv: its columns are those of no feed that is known: ImageId,Region

    1 new, 0 gone, 1 dearer, 1 cheaper, 0 as before
      held back aws p4d.24xlarge us-east-1 (8× a100-40gb-sxm, on-demand): $21.96 → $2.19 (-90.0 %)/h
      dearer    aws p5.48xlarge us-east-1 (8× h100-sxm, spot): $20.20 → $23.20 (+14.8 %)/h
      cheaper   aws p5.48xlarge us-east-1 (8× h100-sxm, on-demand): $55.04 → $50.00 (-9.2 %)/h
      new       lambda gpu_8x_h100_sxm5 us-east-1 (8× h100-sxm, on-demand): $31.92/h
    --- stderr
    1 held back for being ten times the last price or a tenth; the last ones stand, --accept-jumps takes them
    "#);
    let again = place.at_home(&["offers", "update", "--from", "sky"]);
    assert!(again.contains("0 new, 0 gone, 0 dearer, 0 cheaper, 3 as before"), "{again}");
}

#[test]
fn history_and_the_prices_of_a_day() {
    let place = feed();
    place.at_home(&["offers", "update", "--from", "sky", "--today", "2026-10-01"]);
    let place = place.file("sky/aws/vms.csv", AWS.replace("50.00", "60.00")).file(
        "sky/lambda/vms.csv",
        "InstanceType,AcceleratorName,AcceleratorCount,Price,Region\ngpu_1x_gh200,GH200,1,1.99,us-east-3\n",
    );
    place.at_home(&["offers", "update", "--from", "sky", "--today", "2026-11-01"]);
    assert_snapshot!(place.at_home(&["offers", "history", "h100"]), @r#"
    status 0
    --- stdout
    accelerator  n  provider  region     machine           how        from        last read      $/h
    h100-sxm     8  aws       us-east-1  p5.48xlarge       on-demand  2026-10-01  2026-10-01  $50.00
    h100-sxm     8  aws       us-east-1  p5.48xlarge       on-demand  2026-11-01  2026-11-01  $60.00
    h100-sxm     8  aws       us-east-1  p5.48xlarge       spot       2026-10-01  2026-11-01  $23.20
    h100-sxm     8  lambda    us-east-1  gpu_8x_h100_sxm5  on-demand  2026-10-01  2026-10-01  $31.92
    h100-sxm     8  lambda    us-east-1  gpu_8x_h100_sxm5  on-demand  2026-11-01  2026-11-01    gone
    "#);
    let price = |day: &str| {
        let said = place.at_home(&["offers", "p5.48", "--provider", "aws", "--json", "--as-of", day]);
        said.lines()
            .find(|line| line.contains("usd_per_hour\": 5") || line.contains("usd_per_hour\": 6"))
            .map(str::trim)
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!([price("2026-10-15"), price("2026-11-15")], ["\"usd_per_hour\": 50.0", "\"usd_per_hour\": 60.0"]);
    assert_snapshot!(place.at_home(&["offers", "--as-of", "2001-01-01"]), @r#"
    status 2
    --- stderr
    error[no-prices]: no price is known of 2001-01-01
      at --as-of
      help: the earliest is of 2024-12-23
    "#);
}

#[test]
fn feeds_that_lie_are_refused() {
    let place = Place::new()
        .file("login.csv", "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")
        .file("empty.csv", "")
        .file(
            "nan.csv",
            "InstanceType,AcceleratorName,AcceleratorCount,Price,Region\nx,H100,1,NaN,here\ny,H100,1,-3,here\n",
        )
        .file("cut.zip", b"PK\x03\x04\x14\x00\x00\x00")
        .file("other.csv", "name,price\nx,1\n");
    for name in ["login.csv", "empty.csv", "nan.csv", "cut.zip", "other.csv", "nowhere"] {
        let said = place.at_home(&["offers", "update", "--from", name]);
        assert!(said.starts_with("status 2\n"), "{name}: {said}");
        assert!(!place.path().join("home").exists(), "{name}");
    }
    assert_snapshot!(place.at_home(&["offers", "update", "--from", "login.csv"]), @r#"
    status 2
    --- stderr
    error[feed-unreadable]: it is an HTML page, not a table: a login page or an error page looks like this
      at login.csv
      help: tables that are read: SkyPilot's vms.csv, gpuhunt's CSV or catalog.zip, a sheet in our columns
    "#);
    assert_snapshot!(place.at_home(&["offers", "update", "--from", "nan.csv"]), @r#"
    status 2
    --- stderr
    error[no-prices]: no price could be read
      at nan.csv
      help: 1 row left out: a price below zero, as y in here
      help: 1 row left out: a price that is no number, as x in here
    "#);
}

/// Serves these bodies by path, as often as asked.
fn serve(bodies: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a working test place");
    let address = format!("http://{}", listener.local_addr().expect("a working test place"));
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a working test place"));
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let path = head.split(' ').nth(1).unwrap_or_default();
            let body = bodies.iter().find(|(known, _)| *known == path);
            let (status, body) = body.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", &body[..]));
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(body);
        }
    });
    address
}

fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default();
    zip.start_file(name, plain).expect("a working test place");
    zip.write_all(text.as_bytes()).expect("a working test place");
    zip.finish().expect("a working test place").into_inner()
}

#[test]
fn feeds_are_read_over_http() {
    let gpuhunt = "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor\n\
        gpu_8x_b200,us-east-1,39.92,208,2900,8,B200,180.0,False,,nvidia\n";
    let zip = zipped("lambdalabs.csv", gpuhunt);
    let cut = zip[..zip.len() / 2].to_vec();
    let address = serve(vec![
        ("/sky/aws/vms.csv", AWS.into()),
        ("/hunt/lambdalabs/version", b"20261124-1\n".to_vec()),
        ("/hunt/lambdalabs/20261124-1/catalog.zip", zip),
        ("/cut.zip", cut),
    ]);
    let place = Place::new();
    let sky = place.at_home(&["offers", "update", "--from", &format!("skypilot={address}/sky")]);
    assert!(sky.starts_with("status 0\n") && sky.contains("skypilot aws: 5 rows; 3 prices read"), "{sky}");
    assert!(sky.contains("passed over: azure: HTTP 404"), "{sky}");
    let hunt = place.at_home(&["offers", "update", "--from", &format!("gpuhunt={address}/hunt")]);
    assert!(hunt.contains("lambda gpu_8x_b200 us-east-1 (8× b200-sxm, on-demand): "), "{hunt}");
    let cut = place.at_home(&["offers", "update", "--from", &format!("{address}/cut.zip")]);
    assert!(cut.contains("error[feed-unreadable]: the zip is cut short or broken"), "{cut}");
    let gone =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a working test place");
    let none = place.at_home(&["offers", "update", "--from", &format!("http://{gone}/aws.csv")]);
    assert!(none.contains("error[feed-unreachable]") && none.contains("--from FILE"), "{none}");
}

#[test]
fn a_home_that_cannot_be_written_breaks_nothing_else() {
    // A file where the folder should be: not writable for anybody, root included.
    let place = feed().file("home", "not a folder").file("job.toml", JOB);
    let said = place.at_home(&["offers", "update", "--from", "sky"]);
    assert!(said.starts_with("status 2\n") && said.contains("error[history-not-written]"), "{said}");
    assert!(said.contains("OUTLAY_HOME"), "{said}");
    assert!(place.at_home(&["plan", "job.toml"]).starts_with("status 0\n"));
    let broken = feed()
        .file("home/prices.sqlite3", "not a database, but long enough to be looked at".repeat(100))
        .file("job.toml", JOB);
    let said = broken.at_home(&["plan", "job.toml"]);
    assert!(said.starts_with("status 0\n") && said.contains("the built-in prices answer"), "{said}");
}

#[test]
fn prices_of_ones_own_are_found_and_told() {
    let place =
        Place::new().file("job.toml", JOB).file("prices.toml", "[[discount]]\nprovider = \"aws\"\noff = \"25%\"\n");
    let said = place.run(&["plan", "job.toml", "--explain"]);
    assert!(said.contains("your prices: prices.toml"), "{said}");
    assert!(said.contains("25.0 % off the list price of machines"), "{said}");
    let faults = Place::new()
        .file("job.toml", JOB)
        .file("mine.toml", "[[discount]]\nprovider = \"awz\"\nof = \"25%\"\n[[qouta]]\ngpus = 3\n");
    assert_snapshot!(faults.run(&["plan", "job.toml", "--prices", "mine.toml"]), @r#"
    status 2
    --- stderr
    error[unknown-key]: unknown key `of`
      at discount[1].of in mine.toml
      help: did you mean `off`?

    error[unknown-key]: unknown key `qouta`
      at qouta in mine.toml
      help: did you mean `quota`?
      help: lists are discount, credit, commitment, block, owned, billing, quota

    2 faults; nothing was computed
    "#);
    let unpriced =
        Place::new().file("job.toml", JOB).file("prices.toml", "[[owned]]\naccelerator = \"h100-sxm\"\ngpus = 8\n");
    assert_snapshot!(unpriced.run(&["plan", "job.toml"]), @r#"
    status 2
    --- stderr
    error[missing]: neither the price of an hour nor that of a machine is said
      at owned[1] in prices.toml
      help: write price = "$0.90" for an accelerator and hour, or machine_cost = "$280k"
      help: a missing price is not zero: nothing would beat it
    "#);
}

#[test]
fn a_lock_makes_the_plan_again_and_says_what_moved() {
    let place = feed()
        .file("job.toml", JOB)
        .file("prices.toml", "# token=hf_secret\n[[discount]]\nprovider = \"aws\"\noff = \"25%\"\n");
    let first = place.at_home(&["lock", "job.toml"]);
    assert!(first.starts_with("status 0\n") && first.contains("locked in outlay.lock"), "{first}");
    let lock = place.read("outlay.lock");
    assert!(!lock.contains("hf_secret") && !lock.contains(&place.path().display().to_string()), "no secrets, no paths");
    place.at_home(&["lock", "job.toml"]);
    assert_eq!(place.read("outlay.lock"), lock, "equal facts give equal bytes");
    let before = place.at_home(&["plan", "job.toml", "--json"]);
    // Prices move, the contract ends, days pass.
    place.at_home(&["offers", "update", "--from", "sky", "--accept-jumps"]);
    let place = place.file("prices.toml", "");
    let now = place.at_home(&["plan", "job.toml", "--json", "--today", "2027-11-24"]);
    let locked = place.at_home(&["plan", "job.toml", "--json", "--locked", "--today", "2027-11-24"]);
    let answer = |said: &str| said.split("--- stderr").next().unwrap_or_default().to_owned();
    assert_eq!(answer(&locked), answer(&before));
    assert_ne!(answer(&now), answer(&before));
    let said = place.at_home(&["lock", "--check", "job.toml", "--today", "2027-11-24"]);
    assert!(said.starts_with("status 0\n") && said.contains("comes out again, byte for byte"), "{said}");
    assert!(said.contains("price of an accelerator-hour"), "{said}");
    let over = place.at_home(&["lock", "--check", "job.toml", "--fail-over", "5%"]);
    assert!(over.starts_with("status 1\n"), "{over}");
    let other = place.file("job.toml", JOB.replace("20M", "30M"));
    let said = other.at_home(&["lock", "--check", "job.toml"]);
    assert!(said.starts_with("status 1\n") && said.contains("the job is not the one that was locked"), "{said}");
    assert!(other.at_home(&["plan", "job.toml", "--lock", "no.lock"]).contains("error[lock-not-found]"));
    assert!(
        other
            .file("no.lock", "{}")
            .at_home(&["plan", "job.toml", "--lock", "no.lock"])
            .contains("error[lock-unreadable]")
    );
}
