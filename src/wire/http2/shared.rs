//! The connections of a pool that requests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Connection, Opened, Parts, connection::Place};

/// Connections to one origin. A request takes the oldest that has room, so that the first is full before the second is
/// used; where none has room, another one is opened, one at a time, and shared by all who waited for it.
#[derive(Default)]
pub(in super::super) struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Held by whoever opens one.
    opening: tokio::sync::Mutex<()>,
}

impl Shared {
    /// Waits for the turn to open a connection.
    pub(in super::super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.opening.lock().await
    }

    /// Adds a connection.
    pub(in super::super) fn add(&self, connection: Arc<Connection>) {
        self.open_ones().push(connection);
    }

    /// Takes a place on the oldest connection that has one, but not on one that is known to refuse.
    pub(in super::super) fn reserve(&self, but: Option<&Arc<Connection>>) -> Option<Reserved> {
        let connections = self.open_ones();
        let mut others =
            connections.iter().filter(|connection| but.is_none_or(|but| !Arc::ptr_eq(but, connection)));
        others.find_map(Connection::reserve).map(Reserved::Place)
    }

    /// Connections that have room.
    pub(in super::super) fn with_room(&self) -> usize {
        self.open_ones().iter().filter(|connection| connection.room() > 0).count()
    }

    /// Streams that could be opened now.
    pub(in super::super) fn room(&self) -> usize {
        self.open_ones().iter().map(|connection| connection.room()).sum()
    }

    /// Streams that the newest connection can carry at once; 0 where there is none.
    pub(in super::super) fn most(&self) -> usize {
        self.open_ones().last().map_or(0, |connection| connection.most())
    }

    /// Whether any is open.
    pub(in super::super) fn has_open(&self) -> bool {
        !self.open_ones().is_empty()
    }

    /// Those that are open: the others are let go, and end when their last streams do.
    fn open_ones(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        // a panic elsewhere cannot leave a list of connections half changed
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| connection.is_open());
        connections
    }
}

/// A place that was taken for one request.
pub(in super::super) enum Reserved {
    /// The request has not been handed over.
    Place(Place),
    /// It has.
    Opened(Opened),
    /// It could not be.
    Lost,
}

impl Reserved {
    /// A place on this connection. `None` where it has none.
    pub(in super::super) fn on(connection: &Arc<Connection>) -> Option<Self> {
        connection.reserve().map(Self::Place)
    }

    /// Hands the request over, where that has not happened.
    pub(in super::super) fn begin(&mut self, parts: &Parts) {
        if let Self::Place(_) = self
            && let Self::Place(place) = std::mem::replace(self, Self::Lost)
            && let Some(opened) = place.open(parts)
        {
            *self = Self::Opened(opened);
        }
    }

    /// The stream that the request is on; `None` where its connection has ended.
    pub(in super::super) fn opened(mut self, parts: &Parts) -> Option<Opened> {
        self.begin(parts);
        match self {
            Self::Opened(opened) => Some(opened),
            Self::Place(_) | Self::Lost => None,
        }
    }
}
