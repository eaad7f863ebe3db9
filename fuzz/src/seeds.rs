//! The reference's recorded bytes as inputs.

use rocketlite_core::Rng;
use rocketlite_tests::golden::{Vectors, bytes, text};
use serde_json::Value;

/// Length word and header length, which stand before a header.
const PREFIX: usize = 8;

/// What `input` makes of each case of `files` that has `key`.
fn of(files: &[&str], key: &str, input: impl Fn(&Value) -> Vec<u8>) -> Vec<Vec<u8>> {
    let vectors = Vectors::find();
    let cases = files.iter().flat_map(|file| vectors.read(file).unwrap_or_default());
    cases.filter(|case| text(case, key).is_some()).map(|case| input(&case)).collect()
}

fn recorded_frames() -> Vec<Vec<u8>> {
    of(&["frames.jsonl"], "frame_hex", |case| bytes(case, "frame_hex"))
}

/// Streams of one frame and of two.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let frames = recorded_frames();
    let head = [7, 200, 1];
    let one = frames.iter().map(|frame| [&head, frame.as_slice()].concat());
    let two = frames.windows(2).map(|pair| [&head, pair[0].as_slice(), pair[1].as_slice()].concat());
    one.chain(two).collect()
}

/// The headers of the frames of one form, their body's length first.
fn headers(form: u8) -> Vec<Vec<u8>> {
    let frames = recorded_frames();
    let of_form = frames.iter().filter(|frame| frame.get(4) == Some(&form));
    let header = |frame: &Vec<u8>| {
        let length = u32::from_be_bytes([0, frame[5], frame[6], frame[7]]);
        let header = frame[PREFIX..].get(..usize::try_from(length).ok()?)?;
        Some([&[3], header].concat())
    };
    of_form.filter(|frame| frame.len() >= PREFIX).filter_map(header).collect()
}

pub(crate) fn json_headers() -> Vec<Vec<u8>> {
    headers(0)
}

pub(crate) fn binary_headers() -> Vec<Vec<u8>> {
    headers(1)
}

pub(crate) fn routes() -> Vec<Vec<u8>> {
    let files = ["route.jsonl", "route_registered.jsonl"];
    of(&files, "json", |case| [&[0], text(case, "json").unwrap_or_default().as_bytes()].concat())
}

/// Records and batches, property strings, ids and names.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let files = ["messages.jsonl", "messages_4.9.7.jsonl"];
    let mut inputs = of(&files, "bytes_hex", |case| bytes(case, "bytes_hex"));
    for (files, key) in [(&files[..], "string"), (&files[..], "id"), (&["validators.jsonl"][..], "name")] {
        inputs.extend(of(files, key, |case| text(case, key).unwrap_or_default().into()));
    }
    inputs
}

/// Lists of operations are too far from any recorded bytes: these are bytes by chance.
pub(crate) fn operations() -> Vec<Vec<u8>> {
    let mut rng = Rng::new(6);
    let mut list = |len: usize| (0..len).map(|_| rng.next_u64().to_le_bytes()[0]).collect();
    [64, 128, 256, 500].into_iter().cycle().take(32).map(&mut list).collect()
}
