//! How the broker does (`#getBrokerRuntimeInfo`).

use rocketlite_core::wire::code::version;
use rocketlite_core::wire::cursor::Writer;

use crate::broker::{PerSecond, State};
use crate::json::{Object, put_thousandths};
use crate::outgoing::{BROKER_VERSION, Content};
use crate::receive::Refusal;

/// What the reference's tool shows of a broker, each as text. There are no queues of threads here, so they are empty; and
/// what is stored is found at once.
pub(super) fn info(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut table = answer.object("table");
        table.text("brokerActive", "true");
        table.text("brokerVersionDesc", version_name(BROKER_VERSION));
        table.text("runtime", &runtime(state.now.as_millis()));
        put_counters(&mut table, state);
        put_log(&mut table, state);
        for name in EMPTY_QUEUES {
            table.text(name, "0");
        }
        for name in ["timerEnqueueTps", "timerDequeueTps"] {
            table.text(name, "0.0");
        }
        table.end();
        answer.end();
    });
    Ok(made?)
}

/// What counts something that this broker never has any of.
const EMPTY_QUEUES: [&str; 16] = [
    "ackThreadPoolQueueHeadWaitTimeMills",
    "ackThreadPoolQueueSize",
    "dispatchBehindBytes",
    "msgGetTotalTodayMorning",
    "msgGetTotalYesterdayMorning",
    "msgPutTotalTodayMorning",
    "msgPutTotalYesterdayMorning",
    "pageCacheLockTimeMills",
    "pullThreadPoolQueueHeadWaitTimeMills",
    "pullThreadPoolQueueSize",
    "remainTransientStoreBufferNumbs",
    "sendThreadPoolQueueHeadWaitTimeMills",
    "sendThreadPoolQueueSize",
    "timerCongestNum",
    "timerOffsetBehind",
    "timerReadBehind",
];

fn put_counters(table: &mut Object<'_, '_>, state: &State<'_>) {
    let counters = &state.counters;
    let stored = state.rates.stored(state.now, counters);
    let pulled = state.rates.pulled(state.now, counters);
    put_rates(table.member("putTps"), stored);
    // Both spellings: 5.x reads the first, 4.x the second.
    for name in ["getTransferredTps", "getTransferedTps", "getFoundTps", "getTotalTps"] {
        put_rates(table.member(name), pulled);
    }
    let mean = counters.stored_bytes.saturating_mul(1_000).checked_div(counters.stored_messages).unwrap_or(0);
    put_quoted(table.member("putMessageAverageSize"), |writer| put_thousandths(writer, mean));
    for (name, count) in [
        ("msgGetTotalTodayNow", counters.pulled_messages),
        ("msgPutTotalTodayNow", counters.stored_messages),
        ("putMessageSizeTotal", counters.stored_bytes),
        ("putMessageTimesTotal", counters.stored_messages),
    ] {
        put_number(table, name, i64::try_from(count).unwrap_or(i64::MAX));
    }
}

fn put_log(table: &mut Object<'_, '_>, state: &State<'_>) {
    let (min, max) = (state.log.min_offset(), state.log.max_offset());
    let capacity = u64::try_from(state.log.capacity()).unwrap_or(u64::MAX);
    let ratio = max.saturating_sub(min).saturating_mul(1_000).checked_div(capacity).unwrap_or(0);
    put_quoted(table.member("commitLogDiskRatio"), |writer| put_thousandths(writer, ratio));
    let oldest = state.log.records().next().map(|record| record.store_timestamp);
    let now = state.clock.unix_millis(state.now);
    for (name, number) in [
        ("bootTimestamp", state.started),
        ("commitLogMaxOffset", i64::try_from(max).unwrap_or(i64::MAX)),
        ("commitLogMinOffset", i64::try_from(min).unwrap_or(i64::MAX)),
        // As old as what would be stored now, if there is nothing.
        ("earliestMessageTimeStamp", oldest.unwrap_or(now)),
        ("startAcceptSendRequestTimeStamp", state.started),
    ] {
        put_number(table, name, number);
    }
}

/// Rates of the last 10, 60 and 600 seconds with blanks between them (`StoreStatsService#getPutTps`).
fn put_rates(writer: &mut Writer<'_>, rates: PerSecond) {
    put_quoted(writer, |writer| {
        for (place, rate) in rates.into_iter().enumerate() {
            if place > 0 {
                writer.put_u8(b' ');
            }
            put_thousandths(writer, rate);
        }
    });
}

fn put_number(table: &mut Object<'_, '_>, name: &str, number: i64) {
    put_quoted(table.member(name), |writer| writer.put_decimal(number));
}

fn put_quoted(writer: &mut Writer<'_>, put: impl FnOnce(&mut Writer<'_>)) {
    writer.put_u8(b'"');
    put(writer);
    writer.put_u8(b'"');
}

/// How long the broker has run (`StoreStatsService#getFormatRuntime`).
fn runtime(millis: u64) -> heapless::String<96> {
    let seconds = millis / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let mut text = heapless::String::new();
    // The longest number of days has 15 digits.
    let _ = core::fmt::write(
        &mut text,
        format_args!("[ {days} days, {hours} hours, {minutes} minutes, {seconds} seconds ]"),
    );
    text
}

/// The reference's name of a release (`MQVersion#getVersionDesc`).
const fn version_name(release: i32) -> &'static str {
    match release {
        version::V5_4_0 => "V5_4_0",
        version::V5_3_2 => "V5_3_2",
        _ => "HIGHER_VERSION",
    }
}
