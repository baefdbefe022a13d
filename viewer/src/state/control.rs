//! What control data says of the message that it came with.

/// Length of a `struct cmsghdr` on 64-bit machines, to whose multiples of 8 they are padded.
const HEADER_LEN: usize = 16;
const ALIGN: usize = 8;
/// `SOL_NETLINK`.
const SOL_NETLINK: i32 = 270;
/// `NETLINK_PKTINFO`.
const PKTINFO: i32 = 3;

/// The multicast group through which a message came, where `NETLINK_PKTINFO` tells of one.
#[must_use]
pub fn group(mut control: &[u8]) -> Option<u32> {
    while let Some((header, data)) = control.split_at_checked(HEADER_LEN) {
        let number = |at: usize| header.get(at..)?.first_chunk::<4>().copied();
        let len = header.first_chunk().map(|len| u64::from_ne_bytes(*len))?;
        let len = usize::try_from(len).ok().filter(|len| *len >= HEADER_LEN)?;
        let kind = [number(8)?, number(12)?].map(i32::from_ne_bytes);
        if kind == [SOL_NETLINK, PKTINFO] && len >= HEADER_LEN.saturating_add(4) {
            let group = u32::from_ne_bytes(*data.first_chunk()?);
            return Some(group).filter(|group| *group != 0);
        }
        control = control.get(len.checked_next_multiple_of(ALIGN)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, ty: i32, data: &[u8]) -> Vec<u8> {
        let len = (HEADER_LEN + data.len()) as u64;
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(ty.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes
    }

    #[test]
    fn the_group_of_pktinfo() {
        let info = message(SOL_NETLINK, PKTINFO, &16u32.to_ne_bytes());
        assert_eq!(group(&info), Some(16));
        assert_eq!(group(&[message(1, 2, &[0; 12]), info.clone()].concat()), Some(16));
        assert_eq!(group(&message(SOL_NETLINK, PKTINFO, &[0; 4])), None);
        assert_eq!(group(&message(SOL_NETLINK, PKTINFO, &[1, 0])), None);
        assert_eq!(group(info.get(..18).unwrap_or_default()), None);
        assert_eq!(group(&[0xff; 40]), None);
        assert_eq!(group(&[]), None);
    }
}
