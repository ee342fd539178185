//! Plan + Bindings → Events: readiness, pacer, executor, dispatcher. Obeys commands, never judges.
