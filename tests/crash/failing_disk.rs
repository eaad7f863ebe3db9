//! Disks that are full, and one that fails while the broker works.

use std::sync::{Arc, Mutex};

use rocketlite_tests::folder::Folder;
use rocketlite_tests::program::{Finished, rocketlite, run};
use rocketlite_tests::restarted::RestartedBroker;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::ledger::Ledger;
use crate::senders::Senders;
use crate::{audit, await_that};

/// A limit for the length of files stands for a disk that fails: what the broker writes to the log behind it is refused, and
/// what is in front of it, as the marks are, is not.
#[test]
fn a_disk_that_fails_turns_sends_into_errors_and_nothing_else() {
    let mut broker = RestartedBroker::start("failing-disk", &["--flush", "sync"], None);
    let ledger = Arc::new(Mutex::new(Ledger::new(None)));
    let senders = Senders::start(broker.address(), &ledger, 4);
    senders.go_on_until(u64::MAX);
    await_that("messages are acknowledged", || senders.acknowledged() >= 500);
    limit_files_of(broker.id(), Some(64 << 10));
    await_that("sends are refused", || senders.refused() >= 200);
    let acknowledged = senders.acknowledged();
    await_that("more sends are refused", || senders.refused() >= 400);
    assert_eq!(senders.acknowledged(), acknowledged, "acknowledged by a broker whose disk has failed");
    audit::everything_acknowledged_is_there(broker.address(), &ledger);
    // Neither does it try again, nor takes it back what it has said.
    limit_files_of(broker.id(), None);
    let refused = senders.refused();
    await_that("sends are refused still", || senders.refused() >= refused + 200);
    assert_eq!(senders.acknowledged(), acknowledged);

    let log = broker.stop_and_tell();
    let complaint = log.lines().find(|line| line.contains("ERROR")).unwrap_or_default();
    assert!(complaint.contains("File too large") && complaint.contains("nothing is stored"), "{log}");
    broker.start_again();
    audit::everything_acknowledged_is_there(broker.address(), &ledger);
    senders.go_on_until(acknowledged + 200);
    await_that("messages are acknowledged again", || senders.acknowledged() >= acknowledged + 200);
    senders.stop();
    audit::everything_acknowledged_is_there(broker.address(), &ledger);
    broker.stop();
}

fn limit_files_of(process: u32, bytes: Option<u64>) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).expect("the id of a process");
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(process), Resource::Fsize, limit).expect("a limit can be set, and taken back");
}

#[test]
fn files_that_must_not_be_so_long_are_not_made() {
    let folder = Folder::new("crash-limit");
    let data = folder.file("data");
    let mut command = std::process::Command::new("sh");
    let program = rocketlite(&["broker", "--listen", "127.0.0.1:0", "--data", &data]);
    // In blocks of 512 bytes; some shells have blocks of 1,024.
    command.args(["-c", "ulimit -f 1000 && exec \"$0\" \"$@\""]);
    command.arg(program.get_program()).args(program.get_args()).env("RUST_LOG", "off");
    is_without_space(&run(command), &data);
    assert_eq!(folder.names("data"), ["lock"]);
}

#[test]
fn more_than_the_disk_has_is_not_made() {
    let folder = Folder::new("crash-large");
    let data = folder.file("data");
    let arguments = ["broker", "--listen", "127.0.0.1:0", "--data", &data, "--capacity", "12TiB"];
    let finished = run(rocketlite(&arguments));
    is_without_space(&finished, &data);
    assert!(finished.complaint().contains("are available"), "{finished:?}");
    assert_eq!(folder.names("data"), ["lock"]);
}

/// A file system of 4 MiB of its own, that nobody else sees and that goes away with the processes that do.
#[test]
fn a_full_disk_is_left_as_it_was() {
    let folder = Folder::new("crash-full");
    let script = |script: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", script]).args(arguments);
        command.current_dir(&folder).env("RUST_LOG", "off");
        run(command)
    };
    let mount = "mkdir disk && mount -t tmpfs -o size=4m none disk && cd disk";
    if !script(&mount.replace("mkdir", "mkdir -p"), &[]).status.success() {
        rocketlite_tests::say("crash: no test with a full disk, this user may not mount one");
        return;
    }
    let mount = mount.replace("mkdir", "mkdir -p");
    let program = rocketlite(&["broker", "--listen", "127.0.0.1:0", "--data", "data"]);
    let arguments: Vec<&str> = core::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| word.to_str().expect("UTF-8"))
        .collect();
    let finished = script(&format!("{mount} && \"$0\" \"$@\"; code=$?; ls -A data; exit $code"), &arguments);
    let complaint = finished.complaint();
    assert!(complaint.contains("no space for data") && complaint.contains("are available"), "{complaint}");
    assert_eq!(finished.stdout, "lock\n");
    // Nor does a disk on which nothing is left at all keep it from saying so.
    let fill = "head -c 4194304 /dev/zero >rest 2>fill.log";
    let finished = script(&format!("{mount} && {{ {fill}; \"$0\" \"$@\"; }}"), &arguments);
    let complaint = finished.complaint();
    assert!(complaint.contains("no space for data") || complaint.contains("No space left"), "{complaint}");
}

#[track_caller]
fn is_without_space(finished: &Finished, data: &str) {
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let complaint = finished.complaint();
    assert!(complaint.contains(&format!("no space for {data}")), "{complaint}");
    assert!(complaint.contains("bytes are wanted"), "{complaint}");
    assert_eq!(finished.stdout, "");
}
