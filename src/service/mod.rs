//! Programs that a run starts, such as the server under test, and that are gone when the run is, whatever becomes of it.
//!
//! Between a run and a service stands a process of this program that watches it ([`watch`]). It starts the service in a process group
//! of its own, keeps its log, and ends the group when its own standard input ends, which it does also when the run is killed. On
//! Linux it adopts what the service leaves behind, so that workers which left the group are ended, too. The run has a
//! [`Service`] for each, and [`ready`] waits until it can be used. On Linux a service is killed with the process that watches it, so that
//! nothing is left where that and the run are killed together ([`take_over`]).

mod child;
mod launch;
mod mask;
mod order;
mod ready;
mod watch;

pub use child::{Service, StartError, State};
pub use launch::take_over;
pub use order::{Asked, Ended, Order, Said};
pub use ready::{InTheWay, NotReady, in_the_way, ready};
pub use watch::watch;
