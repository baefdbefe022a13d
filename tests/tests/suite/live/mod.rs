//! Real programs in network namespaces of their own.

mod captures;
mod classic;
pub(crate) mod conversations;
mod decoded;
mod families;
mod generic;
mod lint;
mod listening;
mod nfnetlink;
mod nftables;
mod refusals;
mod strace;
mod summary;
mod transparency;

use std::process::Command;

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::programs::Program;

/// `nlview OPTIONS -- PROGRAM` in a namespace.
fn traced(namespace: &Namespace, options: &[&str], program: &Program) -> Command {
    let mut command = namespace.command(&artefacts().nlview);
    command.args(options).arg("--").arg(program.program).args(program.arguments);
    command
}

/// PROGRAM alone in a namespace.
fn bare(namespace: &Namespace, program: &Program) -> Command {
    let mut command = namespace.command(program.program);
    command.args(program.arguments);
    command
}
