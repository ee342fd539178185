//! Whether a key and a header say the same thing twice.

use super::{Check, Diagnostic};

impl Check<'_> {
    pub(super) fn headers(&self) {
        for name in self.root.names("endpoints") {
            let Some(key) = self.root.at(&["endpoints", name, "api_key"]) else { continue };
            let headers = self.root.at(&["endpoints", name, "headers"]).and_then(|node| node.as_table());
            let mut headers = headers.into_iter().flatten();
            let Some((_, header)) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            else {
                continue;
            };
            self.sink.push(
                Diagnostic::new(format!(
                    "`endpoints.{name}` has both `api_key` and an `authorization` header"
                ))
                .label(&header.key, "sent as it is")
                .label(&key.key, "sent as `authorization: Bearer …`")
                .help("keep one of the two"),
            );
        }
    }
}
