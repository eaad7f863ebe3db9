//! A world of one thread: real producers, brokers and name servers, a virtual clock, and a network that behaves as TCP does
//! on a bad day. Whatever happens in it follows from one seed.
//!
//! A [`Plan`] is drawn first: who takes part, what is sent, what goes wrong and when. Then a [`World`] runs it in
//! three phases (faults, heal, settle) while oracles and a model of the reference's loop check all the time what must be true.

mod chance;
mod consumer;
mod frames;
mod marks;
mod model;
mod network;
mod node;
mod oracle;
pub mod plan;
mod trace;
mod world;

pub use chance::Chance;
pub use consumer::plan::{ConsumersPlan, GroupPlan, MemberFault, MemberFaultKind, Tags};
pub use marks::Marks;
pub use plan::{Fault, FaultKind, Plan};
pub use trace::Trace;
pub use world::{Finding, Report, World};

/// Runs a plan to its end.
///
/// # Errors
/// What was found wrong, and what had happened before.
pub fn run(plan: &Plan) -> Result<Report, Box<Finding>> {
    World::new(plan).run()
}

/// Leaves out faults as long as the same thing is found without them. Returns the plan that is left.
pub fn shorten(plan: &Plan) -> Plan {
    let mut shortest = plan.clone();
    let mut index = 0;
    while index < shortest.fault_count() {
        let without = shortest.without_fault(index);
        if run(&without).is_err() {
            shortest = without;
        } else {
            index += 1;
        }
    }
    shortest
}
