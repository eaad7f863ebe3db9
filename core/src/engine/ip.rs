//! IP addresses as text, read and written without the panics that the standard library's code for them keeps: the
//! firmware's proof that nothing panics cannot see through them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads what `IpAddr` reads.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    let text = text.as_bytes();
    match parse_v4(text) {
        Some(octets) => Some(IpAddr::V4(Ipv4Addr::from(octets))),
        None => parse_v6(text).map(|segments| IpAddr::V6(Ipv6Addr::from(segments))),
    }
}

/// Four decimal numbers without leading zeros.
fn parse_v4(text: &[u8]) -> Option<[u8; 4]> {
    let mut parts = text.split(|byte| *byte == b'.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        let part = parts.next()?;
        let zeros = part.len() > 1 && part.first() == Some(&b'0');
        *octet = number(part, 10, 3).filter(|_| !zeros).and_then(|number| number.try_into().ok())?;
    }
    parts.next().is_none().then_some(octets)
}

/// Eight groups, of which `::` leaves out one or more, and the last two may be an IPv4 address.
fn parse_v6(text: &[u8]) -> Option<[u16; 8]> {
    let Some(at) = text.windows(2).position(|pair| pair == b"::") else {
        let (groups, count) = parse_groups(text)?;
        return (count == groups.len()).then_some(groups);
    };
    let (head, tail) = (text.get(..at)?, text.get(at.checked_add(2)?..)?);
    let (mut groups, before) = if head.is_empty() { ([0; 8], 0) } else { parse_groups(head)? };
    let (after, count) = if tail.is_empty() { ([0; 8], 0) } else { parse_groups(tail)? };
    if before.checked_add(count)? >= groups.len() || head.contains(&b'.') {
        return None;
    }
    let gap_end = groups.len().checked_sub(count)?;
    for (to, from) in groups.iter_mut().skip(gap_end).zip(after) {
        *to = from;
    }
    Some(groups)
}

/// At most eight groups between colons, and how many there are.
fn parse_groups(text: &[u8]) -> Option<([u16; 8], usize)> {
    let (mut groups, mut count) = ([0; 8], 0usize);
    let mut parts = text.split(|byte| *byte == b':').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none()
            && let Some([a, b, c, d]) = parse_v4(part)
        {
            *groups.get_mut(count)? = u16::from_be_bytes([a, b]);
            count = count.checked_add(1)?;
            *groups.get_mut(count)? = u16::from_be_bytes([c, d]);
        } else {
            *groups.get_mut(count)? = number(part, 16, 4)?;
        }
        count = count.checked_add(1)?;
    }
    Some((groups, count))
}

/// One to `most` digits.
fn number(digits: &[u8], radix: u32, most: usize) -> Option<u16> {
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    digits.iter().try_fold(0u16, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix.try_into().ok()?)?.checked_add(digit.try_into().ok()?)
    })
}

/// Writes an address in the shortest form (RFC 5952), as `IpAddr` does.
pub(super) fn write_ip(ip: IpAddr, out: &mut dyn fmt::Write) -> fmt::Result {
    let segments = match ip {
        IpAddr::V4(ip) => return write_v4(ip, out),
        IpAddr::V6(ip) => ip.segments(),
    };
    if let [0, 0, 0, 0, 0, 0xffff, high, low] = segments {
        out.write_str("::ffff:")?;
        let bits = u32::from(high) << 16 | u32::from(low);
        return write_v4(Ipv4Addr::from_bits(bits), out);
    }
    let (gap, len) = longest_zeros(&segments);
    let end = gap.saturating_add(len);
    for (at, segment) in segments.iter().enumerate() {
        if at == gap && len > 0 {
            out.write_str("::")?;
        }
        if (gap..end).contains(&at) {
            continue;
        }
        if at > 0 && (at != end || len == 0) {
            out.write_str(":")?;
        }
        write!(out, "{segment:x}")?;
    }
    Ok(())
}

fn write_v4(ip: Ipv4Addr, out: &mut dyn fmt::Write) -> fmt::Result {
    let [first, second, third, fourth] = ip.octets();
    write!(out, "{first}.{second}.{third}.{fourth}")
}

/// Where the first of the longest runs of two or more zeros begins, and its length; 0 if there is none.
fn longest_zeros(segments: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), (0, 0usize));
    for (at, segment) in segments.iter().enumerate() {
        run = match segment {
            0 if run.1 > 0 => (run.0, run.1.saturating_add(1)),
            0 => (at, 1),
            _ => (0, 0),
        };
        if run.1 > best.1 && run.1 > 1 {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use std::string::{String, ToString};
    use std::vec::Vec;

    #[test]
    fn texts_are_read_as_the_standard_library_reads_them() {
        let mut rng = Rng::new(11);
        let pieces =
            ["::", ":", ".", "0", "1", "255", "256", "ffff", "10000", "a.b", "1.2.3.4", "00", " ", "F0", "g"];
        let mut good = 0;
        for _ in 0..50_000 {
            let count = 1 + rng.below(16);
            let text: Vec<&str> = (0..count)
                .map(|_| pieces[rng.below(u32::try_from(pieces.len()).unwrap()) as usize])
                .collect();
            // Every second one has colons in the right places.
            let text = if rng.below(2) == 0 { text.concat() } else { text.join(":") };
            assert_eq!(parse_ip(&text), text.parse().ok(), "{text}");
            good += u32::from(parse_ip(&text).is_some());
        }
        assert!(good > 100, "{good} were addresses");
        for text in [
            "",
            ":",
            "::",
            ":::",
            "1::",
            "::1",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1::2::3",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8::",
            "1:2:3:4:5:6:1.2.3.4",
            "1.2.3.4::",
            "::1.2.3.4",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "::1.2.3.4:5",
            "::12345",
            "fe80::1%1",
            "[::1]",
            "+1.2.3.4",
        ] {
            assert_eq!(parse_ip(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        let mut rng = Rng::new(12);
        let check = |ip: IpAddr| {
            let mut text = String::new();
            write_ip(ip, &mut text).unwrap();
            assert_eq!(text, ip.to_string());
            assert_eq!(parse_ip(&text), Some(ip));
        };
        for _ in 0..5_000 {
            let zeros = rng.next_u64();
            let segments: [u16; 8] = core::array::from_fn(|at| {
                let [a, b, ..] = rng.next_u64().to_le_bytes();
                if zeros >> at & 1 == 0 { 0 } else { u16::from_le_bytes([a, b]) }
            });
            check(IpAddr::from(segments));
        }
        check(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304]));
        check(IpAddr::from([0, 0, 0, 0, 0, 0, 0x0102, 0x0304]));
        check(IpAddr::from([255, 0, 10, 1]));
    }
}
