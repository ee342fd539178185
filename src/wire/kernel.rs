//! The time at which the kernel received bytes, where it tells.
//!
//! Linux stamps what a TCP socket receives with `SO_TIMESTAMPNS` and hands the stamp out with `recvmsg`. Segments
//! that wait in the socket's queue are merged, and the stamp of a read is that of the last byte it brought: see
//! [`Arrival`](super::Arrival) for what follows.

use std::{io, os::fd::AsFd};

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes; 0 at the end of the stream.
    pub bytes: usize,
    /// When the kernel received the last of them, in nanoseconds since the Unix epoch.
    pub wall_ns: Option<i64>,
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        io::{self, IoSliceMut},
        os::fd::{AsFd, AsRawFd as _},
    };

    use super::Received;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns};

    /// Room for one control message with a time stamp, aligned as the kernel's headers are.
    #[repr(align(8))]
    struct Control([u8; 64]);

    pub(super) fn ask_for_stamps(socket: &impl AsFd) {
        // without them arrival times are taken behind the read, and every record says so
        let _ = setsockopt(&socket.as_fd(), ReceiveTimestampns, &true);
    }

    pub(super) fn receive(socket: &impl AsFd, into: &mut [u8]) -> io::Result<Received> {
        let mut control = Control([0; 64]);
        let mut into = [IoSliceMut::new(into)];
        let message = recvmsg::<()>(
            socket.as_fd().as_raw_fd(),
            &mut into,
            Some(&mut control.0),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let wall_ns = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(time) => Some(time.tv_sec() * 1_000_000_000 + time.tv_nsec()),
            _ => None,
        });
        Ok(Received { bytes: message.bytes, wall_ns })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{
        io::{self, Read as _},
        os::fd::AsFd,
    };

    use socket2::SockRef;

    use super::Received;

    pub(super) fn ask_for_stamps(_: &impl AsFd) {}

    pub(super) fn receive(socket: &impl AsFd, into: &mut [u8]) -> io::Result<Received> {
        let bytes = (&*SockRef::from(socket)).read(into)?;
        Ok(Received { bytes, wall_ns: None })
    }
}

/// Asks for stamps from now on.
pub fn ask_for_stamps(socket: &impl AsFd) {
    system::ask_for_stamps(socket);
}

/// Reads what is there into a buffer that is not empty, and never waits.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] when there is nothing, and whatever the socket says.
pub fn receive(socket: &impl AsFd, into: &mut [u8]) -> io::Result<Received> {
    system::receive(socket, into)
}
