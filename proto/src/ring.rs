//! The shared ring: how frames travel without a system call, a lock or a descriptor.
//!
//! A traced program makes a sealed memory file, maps it, and hands it to the viewer over the socket
//! that it greets on. From then on its threads, signal handlers and forked children put frames into
//! the ring, and the viewer takes them out. A frame in the ring is the same as one in a stream.
//!
//! ```text
//! page 0   producers'   @0 magic  @8 version  @16 granules  @24 pid namespace  @128 tail  @256 lost
//! page 1   viewer's     @0 head   @128 heartbeat  @256 closed
//! slots    granules × u64         one word a granule
//! data     granules × 64 bytes
//!
//!             head                        tail
//!              ▼                            ▼
//! slots  free │ done  -  - │ busy  - │ pad │ free  free …      the word of a record's first
//! data        │ frame      │ (copy)  │     │                   granule stands for all of it
//! ```
//!
//! *Positions* count granules from the beginning of time; a position modulo the number of granules
//! is an index, and divided by it a *lap*. A slot word is
//!
//! ```text
//! free    lap:62                             00        all-zero memory is a ring in its first lap
//! others  len:24   owner:22   lap:16   state:2         01 busy   10 done   11 pad
//! ```
//!
//! A producer claims space by **one** compare-and-swap of the word at the tail from free to busy,
//! which makes length and owner visible together; copies; and commits by another, from busy to done.
//! The tail is but a hint: whoever finds a claimed word at the tail moves the tail past it, so nobody
//! ever waits for a producer that was stopped or killed. A free word holds the whole lap, so that no
//! late compare-and-swap can take it for the one of a lap before. Records do not wrap: what does not
//! fit before the end is preceded by a pad up to it.
//!
//! The viewer frees what it has read: each of a record's words for the next lap, then the head. A
//! record that stays busy after its owner's death is torn, and freed as well; one of a living owner
//! never is, since its copy may still be running. Then the records behind it are read all the same, and
//! when they fill half the ring the viewer asks the program for [another](RENEW).
//!
//! [`Claiming`], [`Claim`] and [`Consumer`] are this protocol, in steps of at most one access to the
//! shared memory each, so that a test can try all interleavings of the very code that runs.

/// What the first word of page 0 says.
pub const MAGIC: u64 = u64::from_le_bytes(*b"\x89NLRING\n");

/// Version of the layout and the protocol.
pub const VERSION: u64 = 1;

/// Bytes of a granule, the unit of space.
pub const GRANULE_LEN: usize = 64;

/// Most bytes of one record: what is longer goes in parts.
pub const MAX_RECORD_LEN: usize = 64 << 10;

/// Fewest granules of a ring: 64 KiB of data.
pub const MIN_GRANULES: u64 = 1 << 10;

/// Most granules of a ring: 256 MiB of data.
pub const MAX_GRANULES: u64 = 1 << 22;

/// Age from which on a heartbeat says that the viewer has stopped, in milliseconds.
pub const HEARTBEAT_MAX_AGE_MS: u64 = 1000;

/// The viewer has gone.
pub const GONE: u64 = 1;

/// The viewer asks for another ring, and goes on reading this one: a producer that was stopped, or that
/// left its copy for good, keeps so much of it from being freed that it will soon be full.
pub const RENEW: u64 = 2;

const PAGE_LEN: usize = 4096;
const SLOTS: usize = 2 * PAGE_LEN;
const WORD_LEN: usize = size_of::<u64>();

/// The bits of an owner.
const OWNER_MASK: u64 = (1 << 22) - 1;
/// The bits of a lap in a word that is not free.
const LAP_MASK: u64 = (1 << 16) - 1;

/// A word of the shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// [`MAGIC`].
    Magic,
    /// [`VERSION`].
    Version,
    /// The number of granules.
    Granules,
    /// Inode of the pid namespace in which the owners' thread ids count: that of the first who wrote; 0
    /// before, and if it is not known.
    PidNamespace,
    /// Where the next record goes, or a position before it.
    Tail,
    /// Records for which there was no room.
    Lost,
    /// How far the viewer has freed.
    Head,
    /// When the viewer last looked, by `CLOCK_MONOTONIC` in milliseconds; 0 before the first time.
    Heartbeat,
    /// Not 0 when nothing more should be put in: [`GONE`] or [`RENEW`].
    Closed,
    /// The slot word with this index.
    Slot(u64),
}

/// The size of a ring, and where things are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    granules: u64,
}

impl Layout {
    /// The layout with room for at least so many bytes of data, within the limits.
    #[must_use]
    pub const fn with_room(data_len: u64) -> Self {
        let granules = data_len.div_ceil(GRANULE_LEN as u64);
        let granules = if granules > MAX_GRANULES { MAX_GRANULES } else { granules };
        let granules = if granules < MIN_GRANULES { MIN_GRANULES } else { granules };
        Self { granules: granules.next_power_of_two() }
    }

    /// The layout of a memory file of this length; None if there is no such.
    #[must_use]
    pub fn of_file(len: u64) -> Option<Self> {
        let granules = len.checked_sub(SLOTS as u64)? / (GRANULE_LEN + WORD_LEN) as u64;
        let layout = Self { granules };
        let allowed = (MIN_GRANULES..=MAX_GRANULES).contains(&granules)
            && granules.is_power_of_two()
            && layout.file_len() as u64 == len;
        allowed.then_some(layout)
    }

    /// A layout of any power of two, however small.
    #[must_use]
    pub const fn tiny(granules: u64) -> Option<Self> {
        if granules.is_power_of_two() { Some(Self { granules }) } else { None }
    }

    /// Number of granules, a power of two.
    #[must_use]
    pub const fn granules(self) -> u64 {
        self.granules
    }

    /// Length of the memory file in bytes.
    #[must_use]
    pub const fn file_len(self) -> usize {
        SLOTS + self.granules as usize * (WORD_LEN + GRANULE_LEN)
    }

    /// Most bytes of one record.
    #[must_use]
    pub const fn record_room(self) -> usize {
        let quarter = self.granules as usize / 4 * GRANULE_LEN;
        if quarter < MAX_RECORD_LEN { quarter } else { MAX_RECORD_LEN }
    }

    /// Offset of a word in the file, a multiple of its length; None beyond the slots.
    #[must_use]
    pub const fn offset(self, word: Word) -> Option<usize> {
        Some(match word {
            Word::Magic => 0,
            Word::Version => 8,
            Word::Granules => 16,
            Word::PidNamespace => 24,
            Word::Tail => 128,
            Word::Lost => 256,
            Word::Head => PAGE_LEN,
            Word::Heartbeat => PAGE_LEN + 128,
            Word::Closed => PAGE_LEN + 256,
            Word::Slot(index) if index < self.granules => SLOTS + index as usize * WORD_LEN,
            Word::Slot(_) => return None,
        })
    }

    /// Offset in the file of `len` bytes of data from a position on; None if they would not lie in
    /// one piece before the end.
    #[must_use]
    pub fn data(self, position: u64, len: usize) -> Option<usize> {
        let index = usize::try_from(self.index(position)).ok()?;
        let room = usize::try_from(self.granules).ok()?.checked_mul(GRANULE_LEN)?;
        let start = index.checked_mul(GRANULE_LEN)?;
        let inside = start.checked_add(len).is_some_and(|end| end <= room);
        let slots = usize::try_from(self.granules).ok()?.checked_mul(WORD_LEN)?;
        inside.then_some(SLOTS.checked_add(slots)?.checked_add(start)?)
    }

    const fn index(self, position: u64) -> u64 {
        position & self.granules.wrapping_sub(1)
    }

    const fn lap(self, position: u64) -> u64 {
        position >> self.granules.trailing_zeros()
    }

    /// Granules from a position to the end.
    const fn contiguous(self, position: u64) -> u64 {
        self.granules.wrapping_sub(self.index(position))
    }
}

/// What a slot word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody's, or within a record that begins before it.
    Free,
    /// Claimed, and being copied to.
    Busy,
    /// A whole record.
    Done,
    /// Nothing up to the end.
    Pad,
}

/// A slot word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub u64);

impl Slot {
    const BUSY: u64 = 1;
    const DONE: u64 = 2;
    const PAD: u64 = 3;
    const STATE: u64 = 3;

    /// The word of a free slot.
    #[must_use]
    pub const fn free(lap: u64) -> Self {
        Self(lap << 2)
    }

    const fn taken(state: u64, len: u64, owner: u32, lap: u64) -> Self {
        Self((len << 40) | ((owner as u64 & OWNER_MASK) << 18) | ((lap & LAP_MASK) << 2) | state)
    }

    /// The state.
    #[must_use]
    pub const fn state(self) -> State {
        match self.0 & Self::STATE {
            Self::BUSY => State::Busy,
            Self::DONE => State::Done,
            Self::PAD => State::Pad,
            _ => State::Free,
        }
    }

    /// Length of the record in bytes; of a word that is not free.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.0 >> 40
    }

    /// Whether the record has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The owner's thread id, 0 if it cannot be told; of a word that is not free.
    #[must_use]
    pub const fn owner(self) -> u32 {
        ((self.0 >> 18) & OWNER_MASK) as u32
    }

    /// Granules of the record; of a word that is not free.
    #[must_use]
    pub const fn granules(self) -> u64 {
        granules(self.len())
    }

    const fn is_of_lap(self, lap: u64) -> bool {
        (self.0 >> 2) & LAP_MASK == lap & LAP_MASK
    }

    const fn committed(self) -> Self {
        Self(self.0 ^ (Self::BUSY ^ Self::DONE))
    }
}

/// Granules that so many bytes take; a record takes at least one.
const fn granules(len: u64) -> u64 {
    let granules = len.div_ceil(GRANULE_LEN as u64);
    if granules == 0 { 1 } else { granules }
}

/// The shared memory, word by word.
pub trait Words {
    /// Reads a word; what was stored before it was is visible afterwards (acquire).
    fn load(&self, word: Word) -> u64;

    /// Writes a word; what was done before is visible to whoever reads it (release).
    fn store(&self, word: Word, value: u64);

    /// Replaces `old` by `new`, or says what is there instead (acquire and release).
    ///
    /// # Errors
    /// The word's value, if it is not `old`.
    fn replace(&self, word: Word, old: u64, new: u64) -> Result<(), u64>;
}

/// Space that a producer has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Where it begins.
    pub position: u64,
    slot: Slot,
}

impl Claim {
    /// Where it ends.
    #[must_use]
    #[inline]
    pub const fn end(&self) -> u64 {
        self.position.wrapping_add(self.slot.granules())
    }

    /// Hands the record over; false if the viewer took its producer for dead and freed the space.
    #[inline]
    pub fn commit(self, layout: Layout, words: &impl Words) -> bool {
        let word = Word::Slot(layout.index(self.position));
        words.replace(word, self.slot.0, self.slot.committed().0).is_ok()
    }
}

/// How far a producer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Not yet there.
    Going,
    /// It has its space.
    Claimed(Claim),
    /// There is no room now.
    Full,
    /// The memory holds what no producer and no viewer writes.
    Broken,
}

/// Most rounds of looking for space: each but the last is another producer's success, or a pad.
const MAX_ROUNDS: u32 = 1 << 12;

/// A producer that looks for space: what it decides, and for a test the same step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claiming {
    layout: Layout,
    len: u64,
    owner: u32,
    next: Next,
}

/// A producer's next access to the shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Tail,
    Head { tail: u64 },
    Take(Take),
    Move(Move),
}

/// A claim to be tried: the word at the tail, and what it is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Take {
    tail: u64,
    slot: Slot,
}

/// The tail to be moved on, past a record or a pad; with a claim, if that was ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Move {
    tail: u64,
    to: u64,
    claim: Option<Claim>,
}

impl Claiming {
    /// Begins to look for space for so many bytes.
    #[must_use]
    #[inline]
    pub const fn new(layout: Layout, owner: u32, len: usize) -> Self {
        Self { layout, len: len as u64, owner, next: Next::Tail }
    }

    /// What to do about a tail and a head.
    #[inline]
    fn plan(&self, tail: u64, head: u64) -> Result<Take, Option<Move>> {
        let layout = self.layout;
        if head > tail {
            // Whoever should have moved the tail died before it could.
            return Err(Some(Move { tail, to: head, claim: None }));
        }
        let contiguous = layout.contiguous(tail);
        let wanted = granules(self.len);
        let (state, len, granules) = if wanted > contiguous {
            (Slot::PAD, contiguous.wrapping_mul(GRANULE_LEN as u64), contiguous)
        } else {
            (Slot::BUSY, self.len, wanted)
        };
        if tail.wrapping_sub(head).saturating_add(granules) > layout.granules {
            return Err(None);
        }
        Ok(Take { tail, slot: Slot::taken(state, len, self.owner, layout.lap(tail)) })
    }

    #[inline]
    fn take(&self, take: Take, words: &impl Words) -> Result<(), Slot> {
        let free = Slot::free(self.layout.lap(take.tail));
        let word = Word::Slot(self.layout.index(take.tail));
        words.replace(word, free.0, take.slot.0).map_err(Slot)
    }

    /// What to do after a claim was tried.
    #[inline]
    fn taken(&self, Take { tail, slot }: Take, result: Result<(), Slot>) -> Result<Next, Progress> {
        Ok(match result {
            Ok(()) => {
                let claim =
                    (slot.0 & Slot::STATE == Slot::BUSY).then_some(Claim { position: tail, slot });
                Next::Move(Move { tail, to: tail.wrapping_add(slot.granules()), claim })
            }
            Err(found)
                if found.state() != State::Free && found.is_of_lap(self.layout.lap(tail)) =>
            {
                if found.granules() > self.layout.contiguous(tail) {
                    return Err(Progress::Broken);
                }
                Next::Move(Move { tail, to: tail.wrapping_add(found.granules()), claim: None })
            }
            // The tail has moved on meanwhile.
            Err(_) => Next::Tail,
        })
    }

    /// Makes the next access.
    pub fn step(&mut self, words: &impl Words) -> Progress {
        self.next = match self.next {
            Next::Tail => Next::Head { tail: words.load(Word::Tail) },
            Next::Head { tail } => match self.plan(tail, words.load(Word::Head)) {
                Ok(take) => Next::Take(take),
                Err(Some(heal)) => Next::Move(heal),
                Err(None) => return Progress::Full,
            },
            Next::Take(take) => match self.taken(take, self.take(take, words)) {
                Ok(next) => next,
                Err(progress) => return progress,
            },
            Next::Move(Move { tail, to, claim }) => {
                // It fails if somebody else was faster.
                let _moved = words.replace(Word::Tail, tail, to);
                self.next = Next::Tail;
                return claim.map_or(Progress::Going, Progress::Claimed);
            }
        };
        Progress::Going
    }

    /// All steps in one, until it is decided. An end is certain even if the memory makes no sense, or
    /// the viewer was stopped while it freed what stands at the tail: then there is no room for now.
    #[inline]
    pub fn run(self, words: &impl Words) -> Progress {
        for _round in 0..MAX_ROUNDS {
            let tail = words.load(Word::Tail);
            let next = match self.plan(tail, words.load(Word::Head)) {
                Ok(take) => self.taken(take, self.take(take, words)),
                Err(Some(heal)) => Ok(Next::Move(heal)),
                Err(None) => return Progress::Full,
            };
            match next {
                Ok(Next::Move(Move { tail, to, claim })) => {
                    let _moved = words.replace(Word::Tail, tail, to);
                    if let Some(claim) = claim {
                        return Progress::Claimed(claim);
                    }
                }
                Ok(_) => {}
                Err(progress) => return progress,
            }
        }
        Progress::Full
    }
}

/// What the viewer finds at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// A record that is being copied, or torn.
    Busy(Slot),
    /// A record of so many bytes.
    Record(usize, Slot),
    /// Nothing up to the end.
    Pad(Slot),
    /// What no producer writes.
    Broken,
}

/// The viewer's place in a ring. It believes nothing that it reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Consumer {
    layout: Layout,
    head: u64,
    /// What is being freed, up to this position.
    freeing: Option<(u64, u64)>,
}

impl Consumer {
    /// At the beginning.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, head: 0, freeing: None }
    }

    /// Where the oldest record begins that is not freed.
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// Looks at a position from the head on, by one load. `None` where a whole lap lies between.
    #[must_use]
    pub fn look(&self, position: u64, words: &impl Words) -> Option<Found> {
        if position.wrapping_sub(self.head) >= self.layout.granules {
            return None;
        }
        let slot = Slot(words.load(Word::Slot(self.layout.index(position))));
        let lap = self.layout.lap(position);
        if slot == Slot::free(lap) {
            return Some(Found::Nothing);
        }
        let contiguous = self.layout.contiguous(position);
        let fits = slot.granules() <= contiguous;
        Some(match (slot.state(), usize::try_from(slot.len())) {
            (State::Free, _) | (_, Err(_)) => Found::Broken,
            _ if !slot.is_of_lap(lap) || !fits => Found::Broken,
            (State::Pad, _) if slot.granules() == contiguous => Found::Pad(slot),
            (State::Busy, Ok(len)) if len <= MAX_RECORD_LEN => Found::Busy(slot),
            (State::Done, Ok(len)) if len <= MAX_RECORD_LEN => Found::Record(len, slot),
            _ => Found::Broken,
        })
    }

    /// Begins to free what was found at the head.
    pub fn free(&mut self, slot: Slot) {
        self.freeing = Some((self.head, self.head.wrapping_add(slot.granules())));
    }

    /// Makes the next access of freeing; false when there is none left.
    pub fn free_step(&mut self, words: &impl Words) -> bool {
        let Some((next, end)) = self.freeing else { return false };
        if next == end {
            self.head = end;
            self.freeing = None;
            words.store(Word::Head, end);
            return true;
        }
        let lap = self.layout.lap(next).wrapping_add(1);
        words.store(Word::Slot(self.layout.index(next)), Slot::free(lap).0);
        self.freeing = Some((next.wrapping_add(1), end));
        true
    }

    /// Frees what was found at the head.
    pub fn free_all(&mut self, slot: Slot, words: &impl Words) {
        self.free(slot);
        while self.free_step(words) {}
    }
}
