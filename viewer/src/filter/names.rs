//! Which C names there are, so that a slip of the pen is told instead of matching nothing.

/// The names that specs give.
pub trait Names {
    /// Whether an attribute, a struct or a struct's member has this name.
    fn has_part(&self, name: &str) -> bool;

    /// Whether a number, a bit or a message has this name.
    fn has_constant(&self, name: &str) -> bool;

    /// The number of a netlink protocol, by its whole name or without `NETLINK_`.
    fn protocol(&self, name: &str) -> Option<u32>;

    /// Calls `each` with all names, to find the one that was meant.
    fn each(&self, each: &mut dyn FnMut(&str));
}
