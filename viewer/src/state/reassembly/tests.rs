//! Orders in which records may come, and what must come of them.

use super::*;
use nlproto::{Function, Hello, Socket};

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
