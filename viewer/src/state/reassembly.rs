//! Records of many processes in, whole calls in order out; and what is missing between them.
//!
//! A process's threads hand over their records without waiting for each other, so frames may come a
//! little out of order: a number that has not come yet counts as lost only when many behind it have,
//! or when its process ends.

use std::collections::HashMap;

use nlproto::codec::FrameHead;
use nlproto::{Bye, Call, CallHead, Function, Hello, Lost, Name, Part, Record};

use super::process::Process;

/// Frames of the same process after which one that has not come is given up.
const REORDER_WINDOW: u64 = 256;
/// Gaps in one process's numbers that are watched at the same time.
const MAX_GAPS: usize = 64;
/// Unfinished calls of one process, one a thread that is in the middle of a big one.
const MAX_UNFINISHED: usize = 64;
/// Bytes of all unfinished calls. Beyond it the oldest of the process at hand is given up.
const MAX_UNFINISHED_LEN: usize = 64 << 20;
/// Processes remembered; beyond it the half not heard of for longest is forgotten.
const MAX_PROCESSES: usize = 4096;
/// Sockets remembered of one process.
const MAX_SOCKETS: usize = 4096;

/// Who is told.
pub trait Receiver {
    /// A process introduces itself.
    fn process(&mut self, process: &Process);
    /// A call, whole; or, if parts of it are lost, as much of its bytes as came without a hole.
    fn call(&mut self, process: &Process, call: &Call<'_>);
    /// Frames of a process are missing.
    fn lost(&mut self, process: &Process, count: u64);
    /// A process ended in an orderly way.
    fn bye(&mut self, process: &Process);
    /// A name that a viewer learned outside the stream.
    fn name(&mut self, name: &Name<'_>);
}

/// Makes whole calls out of records.
#[derive(Debug, Default)]
pub struct Reassembly {
    processes: HashMap<u64, Entry>,
    /// Counts the frames, to know who was heard of last.
    clock: u64,
    /// Bytes of all unfinished calls.
    unfinished_len: usize,
}

#[derive(Debug)]
struct Entry {
    process: Process,
    numbers: Numbers,
    unfinished: Vec<Unfinished>,
    losses: Losses,
    heard: u64,
}

/// A call whose parts are coming.
#[derive(Debug)]
struct Unfinished {
    number: u64,
    /// The number of its latest frame.
    latest: u64,
    head: CallHead,
    iov_lens: Vec<u8>,
    name: Vec<u8>,
    control: Vec<u8>,
    payload: Vec<u8>,
}

impl Reassembly {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a record and passes on what it completes.
    pub fn accept(&mut self, head: &FrameHead, record: &Record<'_>, to: &mut impl Receiver) {
        if let Record::Name(name) = record {
            // Written by viewers, who number theirs apart.
            return to.name(name);
        }
        self.clock = self.clock.saturating_add(1);
        if let Record::Hello(hello) = record {
            self.introduce(head, hello, to);
        }
        let clock = self.clock;
        let entry = self.processes.entry(head.process).or_insert_with(|| Entry {
            process: Process::unknown(head.process),
            numbers: Numbers::default(),
            unfinished: Vec::new(),
            losses: Losses::since(0),
            heard: 0,
        });
        entry.heard = clock;
        let missing = entry.numbers.saw(head.number);
        let lost = entry.losses.missing(missing);
        entry.lose(lost, to);
        match record {
            Record::Hello(_) | Record::Name(_) => {}
            Record::Socket(socket) => {
                let sockets = &mut entry.process.sockets;
                if sockets.len() < MAX_SOCKETS || sockets.contains_key(&socket.fd) {
                    sockets.insert(socket.fd, *socket);
                }
            }
            Record::Call(call) => entry.begin(head.number, call, &mut self.unfinished_len, to),
            Record::Part(part) => entry.go_on(head.number, part, &mut self.unfinished_len, to),
            Record::Lost(Lost { count, total }) => {
                let lost = entry.losses.reported(*total, *count);
                entry.lose(lost, to);
            }
            Record::Bye(Bye { lost: total }) => {
                entry.close(&mut self.unfinished_len, to);
                let lost = entry.losses.reported(*total, 0);
                entry.lose(lost, to);
                to.bye(&entry.process);
            }
        }
        entry.give_up_old(head.number, &mut self.unfinished_len, to);
        if self.processes.len() > MAX_PROCESSES {
            self.forget_half(to);
        }
    }

    /// No more will come of this process: passes on what is unfinished, and forgets it.
    pub fn end_process(&mut self, key: u64, to: &mut impl Receiver) {
        if let Some(mut entry) = self.processes.remove(&key) {
            entry.close(&mut self.unfinished_len, to);
        }
    }

    /// No more will come of these processes, which say that they lost so much together: what nobody
    /// has been told of was lost at their end, and is told as the last one's.
    pub fn end_processes(&mut self, keys: &[u64], lost: u64, to: &mut impl Receiver) {
        let mut known = 0_u64;
        for (number, key) in (1..).zip(keys) {
            let Some(mut entry) = self.processes.remove(key) else { continue };
            entry.close(&mut self.unfinished_len, to);
            known = known.saturating_add(entry.process.lost);
            if number == keys.len() {
                entry.lose(lost.saturating_sub(known), to);
            }
        }
    }

    /// No more will come at all.
    pub fn end(&mut self, to: &mut impl Receiver) {
        let mut keys: Vec<u64> = self.processes.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            self.end_process(key, to);
        }
    }

    /// The process with this key.
    #[must_use]
    pub fn process(&self, key: u64) -> Option<&Process> {
        self.processes.get(&key).map(|entry| &entry.process)
    }

    fn introduce(&mut self, head: &FrameHead, hello: &Hello<'_>, to: &mut impl Receiver) {
        let mut process = Process::new(head.process, hello);
        if process.forked {
            // A forked child has its parent's descriptors.
            let parent = self.processes.values().find(|entry| entry.process.pid == process.ppid);
            if let Some(parent) = parent {
                process.sockets.clone_from(&parent.process.sockets);
            }
        }
        let entry = match self.processes.remove(&head.process) {
            // It lost its connection, and goes on by another.
            Some(mut entry) => {
                entry.give_up_all(&mut self.unfinished_len, to);
                process.lost = entry.process.lost;
                Entry { process, ..entry }
            }
            None => {
                to.process(&process);
                Entry {
                    process,
                    numbers: Numbers::since(head.number),
                    unfinished: Vec::new(),
                    losses: Losses::since(head.number),
                    heard: 0,
                }
            }
        };
        self.processes.insert(head.process, entry);
    }

    fn forget_half(&mut self, to: &mut impl Receiver) {
        let mut heard: Vec<(u64, u64)> =
            self.processes.iter().map(|(key, entry)| (entry.heard, *key)).collect();
        heard.sort_unstable();
        for (_, key) in heard.iter().take(MAX_PROCESSES / 2) {
            self.end_process(*key, to);
        }
    }
}

impl Entry {
    fn begin(&mut self, number: u64, call: &Call<'_>, held: &mut usize, to: &mut impl Receiver) {
        if call.payload.len() as u64 >= call.head.payload_total {
            self.pass_on(call, to);
            return;
        }
        if self.unfinished.len() >= MAX_UNFINISHED {
            self.give_up_first(held, to);
        }
        let call = Unfinished {
            number,
            latest: number,
            head: call.head,
            iov_lens: call.iov_lens.to_vec(),
            name: call.name.to_vec(),
            control: call.control.to_vec(),
            payload: call.payload.to_vec(),
        };
        *held = held.saturating_add(call.held());
        self.unfinished.push(call);
        self.give_up_while_too_much(held, to);
    }

    fn go_on(&mut self, number: u64, part: &Part<'_>, held: &mut usize, to: &mut impl Receiver) {
        // A part whose call is lost, or was given up, is told by the gap in the numbers.
        let Some(at) = self.unfinished.iter().position(|call| call.number == part.call) else {
            return;
        };
        let Some(call) = self.unfinished.get_mut(at) else { return };
        call.latest = number;
        if part.offset != call.payload.len() as u64 {
            // What lies behind a hole would be read as something that it is not.
            self.give_up(at, held, to);
            return;
        }
        call.payload.extend_from_slice(part.payload);
        *held = held.saturating_add(part.payload.len());
        if call.payload.len() as u64 >= call.head.payload_total {
            self.give_up(at, held, to);
        } else {
            self.give_up_while_too_much(held, to);
        }
    }

    /// Passes on an unfinished call, as far as it came.
    fn give_up(&mut self, at: usize, held: &mut usize, to: &mut impl Receiver) {
        if at >= self.unfinished.len() {
            return;
        }
        let call = self.unfinished.remove(at);
        *held = held.saturating_sub(call.held());
        self.pass_on(&call.as_call(), to);
    }

    fn give_up_first(&mut self, held: &mut usize, to: &mut impl Receiver) {
        self.give_up(0, held, to);
    }

    fn give_up_while_too_much(&mut self, held: &mut usize, to: &mut impl Receiver) {
        while *held > MAX_UNFINISHED_LEN && !self.unfinished.is_empty() {
            self.give_up_first(held, to);
        }
    }

    /// Gives up calls of which nothing has come for long.
    fn give_up_old(&mut self, number: u64, held: &mut usize, to: &mut impl Receiver) {
        let is_old = |call: &Unfinished| call.latest.saturating_add(REORDER_WINDOW) < number;
        while let Some(at) = self.unfinished.iter().position(is_old) {
            self.give_up(at, held, to);
        }
    }

    fn pass_on(&mut self, call: &Call<'_>, to: &mut impl Receiver) {
        to.call(&self.process, call);
        if call.head.function == Function::Close as u32 && call.head.ret == 0 {
            self.process.sockets.remove(&call.head.fd);
        }
    }

    fn lose(&mut self, count: u64, to: &mut impl Receiver) {
        if count > 0 {
            self.process.lost = self.process.lost.saturating_add(count);
            to.lost(&self.process, count);
        }
    }

    fn give_up_all(&mut self, held: &mut usize, to: &mut impl Receiver) {
        while !self.unfinished.is_empty() {
            self.give_up_first(held, to);
        }
    }

    /// Passes on all that is unfinished, and counts what never came.
    fn close(&mut self, held: &mut usize, to: &mut impl Receiver) {
        self.give_up_all(held, to);
        let missing = self.numbers.close();
        let lost = self.losses.missing(missing);
        self.lose(lost, to);
    }
}

/// What is lost of one process, seen from both ends: a frame that the shim could not hand over is
/// missing from the numbers, and the shim reports it as well, often sooner. So the greater of the two
/// is what is lost.
#[derive(Debug)]
struct Losses {
    /// Numbers that were given up.
    missing: u64,
    /// What the shim reported.
    reported: u64,
    /// The shim's total when we began to listen; None if that is not known.
    before: Option<u64>,
}

impl Losses {
    /// For a process heard of from this frame on. What it lost before that others were to get.
    const fn since(number: u64) -> Self {
        let before = if number == 0 { Some(0) } else { None };
        Self { missing: 0, reported: 0, before }
    }

    /// So many numbers were given up; returns how many of them are news.
    fn missing(&mut self, count: u64) -> u64 {
        self.news(|losses| losses.missing = losses.missing.saturating_add(count))
    }

    /// The shim reports its total, `count` of which since its report before; returns how many are
    /// news. Going by the total, a report that was overtaken by another does no harm.
    fn reported(&mut self, total: u64, count: u64) -> u64 {
        let before = *self.before.get_or_insert(total.saturating_sub(count));
        let total = total.saturating_sub(before);
        self.news(|losses| losses.reported = losses.reported.max(total))
    }

    fn news(&mut self, change: impl FnOnce(&mut Self)) -> u64 {
        let known = self.missing.max(self.reported);
        change(self);
        self.missing.max(self.reported).saturating_sub(known)
    }
}

impl Unfinished {
    /// Bytes that it holds.
    fn held(&self) -> usize {
        [&self.iov_lens, &self.name, &self.control, &self.payload].iter().map(|v| v.len()).sum()
    }

    fn as_call(&self) -> Call<'_> {
        Call {
            head: self.head,
            iov_lens: &self.iov_lens,
            name: &self.name,
            control: &self.control,
            payload: &self.payload,
        }
    }
}

/// Which of a process's frame numbers have come.
#[derive(Debug, Default)]
struct Numbers {
    /// One more than the highest that came.
    next: u64,
    /// Ranges below it that did not come, each from its first to one more than its last.
    gaps: Vec<(u64, u64)>,
}

impl Numbers {
    /// What is before this number went to another viewer, or nowhere.
    const fn since(number: u64) -> Self {
        Self { next: number, gaps: Vec::new() }
    }

    /// A number has come. Returns how many others are given up with it.
    fn saw(&mut self, number: u64) -> u64 {
        if number < self.next {
            self.fill(number);
            return 0;
        }
        if number > self.next {
            self.gaps.push((self.next, number));
        }
        self.next = number.saturating_add(1);
        let mut lost = 0_u64;
        while let Some((first, end)) = self.gaps.first().copied() {
            if end.saturating_add(REORDER_WINDOW) >= self.next && self.gaps.len() <= MAX_GAPS {
                break;
            }
            lost = lost.saturating_add(end.saturating_sub(first));
            self.gaps.remove(0);
        }
        lost
    }

    /// A late number has come.
    fn fill(&mut self, number: u64) {
        let holds = |gap: &(u64, u64)| gap.0 <= number && number < gap.1;
        let Some(at) = self.gaps.iter().position(holds) else { return };
        let (first, end) = self.gaps.remove(at);
        let after = number.saturating_add(1);
        if after < end {
            self.gaps.insert(at, (after, end));
        }
        if first < number {
            self.gaps.insert(at, (first, number));
        }
    }

    /// No more will come: returns how many are missing.
    fn close(&mut self) -> u64 {
        let lens = self.gaps.drain(..).map(|(first, end)| end.saturating_sub(first));
        lens.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nlproto::Socket;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Log(Vec<String>);

    impl Receiver for Log {
        fn process(&mut self, process: &Process) {
            self.0.push(format!("process {}", process.pid));
        }
        fn call(&mut self, process: &Process, call: &Call<'_>) {
            let socket = process.sockets.contains_key(&call.head.fd);
            self.0.push(format!("call {:?}{}", call.payload, if socket { " socket" } else { "" }));
        }
        fn lost(&mut self, process: &Process, count: u64) {
            self.0.push(format!("lost {count} of {}", process.lost));
        }
        fn bye(&mut self, process: &Process) {
            self.0.push(format!("bye {}", process.pid));
        }
        fn name(&mut self, name: &Name<'_>) {
            self.0.push(format!("name {}", name.id));
        }
    }

    #[derive(Default)]
    struct Run {
        reassembly: Reassembly,
        log: Log,
    }

    impl Run {
        fn frame(&mut self, process: u64, number: u64, record: Record<'_>) -> &mut Self {
            let head = FrameHead { body_len: 0, process, number };
            self.reassembly.accept(&head, &record, &mut self.log);
            self
        }

        fn told(&mut self) -> Vec<String> {
            std::mem::take(&mut self.log.0)
        }

        fn end(&mut self) -> Vec<String> {
            self.reassembly.end(&mut self.log);
            self.told()
        }
    }

    fn hello(pid: u32) -> Record<'static> {
        Record::Hello(Hello {
            pid,
            ppid: 1,
            uid: 0,
            forked: 0,
            netns: 0,
            netns_cookie: 0,
            monotonic_ns: 0,
            realtime_ns: 0,
            shim: b"",
            comm: b"",
            exe: b"",
            argv: b"",
        })
    }

    fn forked(pid: u32, ppid: u32) -> Record<'static> {
        match hello(pid) {
            Record::Hello(hello) => Record::Hello(Hello { ppid, forked: 1, ..hello }),
            other => other,
        }
    }

    fn call(total: u64, payload: &[u8]) -> Record<'_> {
        let head = CallHead { payload_total: total, fd: 3, ..CallHead::default() };
        Record::Call(Call { head, iov_lens: &[], name: &[], control: &[], payload })
    }

    fn part(call: u64, offset: u64, payload: &[u8]) -> Record<'_> {
        Record::Part(Part { call, offset, payload })
    }

    fn socket(fd: i32) -> Record<'static> {
        Record::Socket(Socket {
            fd,
            kind: 3,
            protocol: 0,
            portid: 0,
            groups: 0,
            inode: 0,
            netns_cookie: 0,
        })
    }

    #[test]
    fn whole_calls_pass_at_once() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, socket(3)).frame(9, 2, call(2, &[1, 2]));
        assert_eq!(run.told(), ["process 7", "call [1, 2] socket"]);
        assert_eq!(run.end(), [""; 0]);
    }

    #[test]
    fn parts_of_two_threads_are_told_apart() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, call(3, &[1])).frame(9, 2, call(3, &[4]));
        run.frame(9, 3, part(2, 1, &[5])).frame(9, 4, part(1, 1, &[2, 3]));
        assert_eq!(run.told(), ["process 7", "call [1, 2, 3]"]);
        run.frame(9, 5, part(2, 2, &[6]));
        assert_eq!(run.told(), ["call [4, 5, 6]"]);
    }

    #[test]
    fn a_hole_ends_a_call() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, call(9, &[1])).frame(9, 2, part(1, 1, &[2]));
        run.frame(9, 4, part(1, 4, &[5])).frame(9, 5, part(1, 5, &[6]));
        assert_eq!(run.told(), ["process 7", "call [1, 2]"]);
        assert_eq!(run.end(), ["lost 1 of 1"]);
    }

    #[test]
    fn an_end_gives_up_what_is_unfinished() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, call(9, &[1]));
        run.frame(9, 2, Record::Bye(Bye { lost: 4 }));
        assert_eq!(run.told(), ["process 7", "call [1]", "lost 4 of 4", "bye 7"]);
    }

    #[test]
    fn a_call_of_which_nothing_comes_is_given_up() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, call(9, &[1]));
        for number in 2..=1 + REORDER_WINDOW {
            run.frame(9, number, socket(1));
        }
        assert_eq!(run.told(), ["process 7"]);
        run.frame(9, 2 + REORDER_WINDOW, socket(1));
        assert_eq!(run.told(), ["call [1]"]);
    }

    #[test]
    fn late_frames_are_not_lost_ones() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 3, socket(1)).frame(9, 2, socket(1));
        run.frame(9, 1, socket(1)).frame(9, 4, socket(1));
        assert_eq!(run.told(), ["process 7"]);
        assert_eq!(run.end(), [""; 0]);
    }

    #[test]
    fn gaps_are_told_when_they_are_old() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 4, socket(1)).frame(9, 2, socket(1));
        for number in 5..3 + REORDER_WINDOW {
            run.frame(9, number, socket(1));
        }
        assert_eq!(run.told(), ["process 7", "lost 1 of 1"]);
        assert_eq!(run.end(), ["lost 1 of 2"]);
    }

    #[test]
    fn what_the_shim_lost_counts_once() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, Record::Lost(Lost { count: 2, total: 2 }));
        // The report in between was lost as well.
        run.frame(9, 2, Record::Lost(Lost { count: 1, total: 6 }));
        run.frame(9, 3, Record::Lost(Lost { count: 3, total: 5 }));
        run.frame(9, 4, Record::Bye(Bye { lost: 6 }));
        assert_eq!(run.told(), ["process 7", "lost 2 of 2", "lost 4 of 6", "bye 7"]);
    }

    #[test]
    fn what_is_reported_and_missing_counts_once() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 4, Record::Lost(Lost { count: 3, total: 3 }));
        assert_eq!(run.told(), ["process 7", "lost 3 of 3"]);
        // Two more are missing, of which the shim knows nothing.
        run.frame(9, 7, Record::Bye(Bye { lost: 3 }));
        assert_eq!(run.told(), ["lost 2 of 5", "bye 7"]);
    }

    #[test]
    fn what_was_lost_before_we_listened_is_not_ours() {
        let mut run = Run::default();
        run.frame(9, 50, hello(7)).frame(9, 51, Record::Lost(Lost { count: 1, total: 21 }));
        run.frame(9, 52, Record::Bye(Bye { lost: 22 }));
        assert_eq!(run.told(), ["process 7", "lost 1 of 1", "lost 1 of 2", "bye 7"]);
    }

    #[test]
    fn a_process_that_connects_anew_goes_on() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, call(9, &[1])).frame(9, 3, hello(7));
        assert_eq!(run.told(), ["process 7", "call [1]"]);
        assert_eq!(run.end(), ["lost 1 of 1"]);
    }

    #[test]
    fn a_process_whose_hello_is_lost_is_shown() {
        let mut run = Run::default();
        run.frame(9, 2, call(1, &[1]));
        assert_eq!(run.told(), ["call [1]"]);
        assert_eq!(run.end(), ["lost 2 of 2"]);
    }

    #[test]
    fn forked_children_have_the_sockets() {
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, socket(3));
        run.frame(10, 0, forked(8, 7)).frame(10, 1, call(1, &[1]));
        assert_eq!(run.told(), ["process 7", "process 8", "call [1] socket"]);
    }

    #[test]
    fn closing_forgets_a_socket() {
        let head = CallHead { function: Function::Close as u32, fd: 3, ..CallHead::default() };
        let close = Call { head, iov_lens: &[], name: &[], control: &[], payload: &[] };
        let mut run = Run::default();
        run.frame(9, 0, hello(7)).frame(9, 1, socket(3)).frame(9, 2, Record::Call(close));
        run.frame(9, 3, call(1, &[1]));
        assert_eq!(run.told(), ["process 7", "call [] socket", "call [1]"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut run = Run::default();
        let payload = vec![0; 1 << 20];
        for process in 0..70 {
            run.frame(process, 0, call(u64::MAX, &payload));
            assert!(run.reassembly.unfinished_len <= MAX_UNFINISHED_LEN);
        }
        for process in 0..2 * MAX_PROCESSES as u64 {
            run.frame(process, u64::MAX, hello(1));
            assert!(run.reassembly.processes.len() <= MAX_PROCESSES);
        }
        run.end();
        assert_eq!(run.reassembly.unfinished_len, 0);
    }
}
