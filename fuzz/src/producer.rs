//! A producer and any list of what may happen to it: sends of every kind, peers of every kind, time.

mod bench;
mod operation;
mod settings;

pub(crate) use bench::{Bench, Storage, address};

use core::time::Duration;

use arbitrary::Unstructured;

use operation::Operation;
use settings::Settings;

pub(crate) fn check(input: &[u8]) {
    // An input that ends early is a short list.
    let _ = list(&mut Unstructured::new(input));
}

fn list(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let settings: Settings = input.arbitrary()?;
    crate::show(&settings);
    let names = [address("ns:1"), address("ns:2")];
    let mut storage = Storage::new();
    let mut bench = Bench::new(settings.config(&names), &mut storage);
    while !input.is_empty() {
        let operation: Operation<'_> = input.arbitrary()?;
        crate::show(&operation);
        operation.run(&mut bench);
        if settings.fetches_at_once {
            bench.fetch();
        }
    }
    // Longer than any timeout that there can be.
    bench.settle(Duration::from_mins(5));
    Ok(())
}
