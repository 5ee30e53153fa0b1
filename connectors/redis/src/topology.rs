//! Which node holds which keys.

use headwater_common::{Error, Result};
use redis::Value;

use crate::config::Address;
use crate::error::unexpected;
use crate::value::{list, text};

/// Slots of a cluster.
const SLOTS: usize = 16_384;

/// A node that takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) address: Address,
    /// Its slots as the cluster writes them; empty outside of clusters.
    pub(crate) slots: String,
}

/// The nodes that hold all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) nodes: Vec<Node>,
    /// Place of the node of each slot; empty outside of clusters.
    owners: Vec<u16>,
}

impl Topology {
    /// One node with all keys.
    pub(crate) fn one(address: Address) -> Self {
        Self { nodes: vec![Node { address, slots: String::new() }], owners: Vec::new() }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        !self.owners.is_empty()
    }

    /// The slot of a key in a cluster.
    pub(crate) fn slot(&self, key: &[u8]) -> usize {
        slot(key)
    }

    /// Place of the node that holds a key.
    pub(crate) fn owner(&self, key: &[u8]) -> usize {
        if self.owners.is_empty() {
            return 0;
        }
        self.owners.get(slot(key)).copied().map_or(0, usize::from)
    }
}

/// The slot of a key: CRC-16/XMODEM of its hash tag, or of the whole key.
fn slot(key: &[u8]) -> usize {
    let crc = hash_tag(key).unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x1021,
        })
    });
    usize::from(crc) % SLOTS
}

/// What stands between the first `{` and the next `}`, when it is not empty.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|b| *b == b'{')? + 1;
    let length = key.get(open..)?.iter().position(|b| *b == b'}')?;
    key.get(open..open + length).filter(|tag| !tag.is_empty())
}

/// The nodes of a cluster from the answer to CLUSTER NODES. Every slot must have a node: the keys of others could not be read.
pub(crate) fn cluster_topology(source: &str, asked_host: &str, answer: Value) -> Result<Topology> {
    let answer = text(answer).ok_or_else(|| unexpected(source, "CLUSTER NODES"))?;
    let (mut nodes, mut owners) = (Vec::new(), vec![u16::MAX; SLOTS]);
    let mut lines: Vec<Line<'_>> = answer.lines().filter_map(Line::parse).filter(Line::holds_slots).collect();
    lines.sort_by(|a, b| a.id.cmp(b.id));
    for line in lines {
        let place = u16::try_from(nodes.len()).map_err(|_| unexpected(source, "CLUSTER NODES"))?;
        for (from, to) in line.ranges() {
            owners.get_mut(from..=to).unwrap_or_default().fill(place);
        }
        let host = if line.host.is_empty() { asked_host } else { line.host };
        nodes.push(Node { address: (host.to_owned(), line.port), slots: line.own_slots() });
    }
    let missing = owners.iter().filter(|owner| **owner == u16::MAX).count();
    if missing > 0 {
        return Err(Error::unavailable(source, format!("{missing} slots of the cluster have no node")));
    }
    Ok(Topology { nodes, owners })
}

/// The slots that a node itself says it holds, in its answer to CLUSTER NODES; `None` while some move to or from it.
pub(crate) fn own_slots(answer: Value) -> Option<String> {
    let answer = text(answer)?;
    let line = answer.lines().filter_map(Line::parse).find(|l| l.flags.split(',').any(|f| f == "myself"))?;
    let moving = line.slots.contains('[');
    (line.holds_slots() && !moving).then(|| line.own_slots())
}

/// Host and port in the answer of a sentinel.
pub(crate) fn master_address(answer: Value) -> Option<Address> {
    let mut parts = list(answer)?.into_iter();
    let (host, port) = (text(parts.next()?)?, text(parts.next()?)?);
    Some((host, port.parse().ok()?))
}

/// A line of the answer to CLUSTER NODES.
#[derive(Debug)]
struct Line<'a> {
    id: &'a str,
    host: &'a str,
    port: u16,
    flags: &'a str,
    slots: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(9, ' ');
        let (id, address, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let slots = parts.nth(5).unwrap_or_default();
        let mut names = address.split(',');
        let (host, port) = names.next()?.split('@').next()?.rsplit_once(':')?;
        // A node with a host name is reached by it: that is what its certificate says.
        let host = names.next().filter(|name| !name.is_empty() && !name.contains('=')).unwrap_or(host);
        Some(Self { id, host: host.trim_matches(['[', ']']), port: port.parse().ok()?, flags, slots })
    }

    fn holds_slots(&self) -> bool {
        let flag = |name: &str| self.flags.split(',').any(|f| f == name);
        flag("master") && !flag("fail") && !flag("noaddr") && !self.slots.is_empty()
    }

    /// The slots without those that move.
    fn own_slots(&self) -> String {
        self.slots.split(' ').filter(|range| !range.starts_with('[')).collect::<Vec<_>>().join(" ")
    }

    fn ranges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.slots.split(' ').filter_map(|range| match range.split_once('-') {
            Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
            None => range.parse().ok().map(|slot| (slot, slot)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "b2 10.0.0.2:7001@17001,db-two master - 0 0 2 connected 8192-16383\n\
        a1 :7000@17000 myself,master - 0 0 1 connected 0-8190 8191 [93->-b2]\n\
        c3 10.0.0.3:7002@17002 slave a1 0 0 1 connected\n";

    #[test]
    fn slots_are_those_of_the_driver() {
        use redis::cluster_routing::Slot;
        for key in ["", "foo", "user:{7}:x", "{}a", "{a", "a{b}{c}", "\u{e9}\0", "123456789"] {
            let ours = Slot::new(u16::try_from(slot(key.as_bytes())).unwrap());
            assert_eq!(ours, Some(Slot::for_key(key)), "{key}");
        }
    }

    #[test]
    fn every_slot_has_its_node() {
        let answer = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let found = cluster_topology("cache", "seed", answer(NODES)).unwrap();
        let shown: Vec<_> = found.nodes.iter().map(|n| format!("{}:{} {}", n.address.0, n.address.1, n.slots)).collect();
        assert_eq!(shown, ["seed:7000 0-8190 8191", "db-two:7001 8192-16383"]);
        // Slots 12182 and 5061, as the cluster specification says.
        assert_eq!((found.owner(b"foo"), found.owner(b"bar"), found.owner(b"x{foo}y")), (1, 0, 1));
        assert_eq!(own_slots(answer(NODES)), None, "slots move");
        let still = NODES.replace(" [93->-b2]", "");
        assert_eq!(own_slots(answer(&still)).as_deref(), Some("0-8190 8191"));
        let gap = NODES.replace("8192-16383", "8193-16383");
        assert!(cluster_topology("cache", "seed", answer(&gap)).unwrap_err().is_retryable());
    }
}
