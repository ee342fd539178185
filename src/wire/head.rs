//! The heads of requests and answers: RFC 9112.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};

use super::{WireError, body::Body, http2::Parts};

/// What is sent. The pool adds `host` and `accept-encoding`, and `content-length` where there is a body.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, from [`Origin::target`](super::Origin::target).
    pub target: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
}

/// A request as it goes out, head and body, in each version of HTTP that may be spoken.
#[derive(Debug, Clone)]
pub struct Message {
    /// As it stands on the wire in HTTP/1.1; empty where that is not spoken.
    pub(super) one: Vec<u8>,
    /// For HTTP/2, where that may be spoken.
    pub(super) two: Option<Parts>,
}

impl Message {
    /// The bytes of a request to a host in HTTP/1.1.
    pub(super) fn in_one(request: &Request, host: &HeaderValue) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512 + request.body.len());
        let target = request.target.path_and_query().map_or("/", |target| target.as_str());
        bytes.extend_from_slice(request.method.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(target.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        let mut line = |name: &HeaderName, value: &[u8]| {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        line(&header::HOST, host.as_bytes());
        for (name, value) in &request.headers {
            line(name, value.as_bytes());
        }
        line(&header::ACCEPT_ENCODING, b"identity");
        if !request.body.is_empty() || request.method == Method::POST {
            line(&header::CONTENT_LENGTH, request.body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&request.body);
        bytes
    }
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) version: Version,
    pub(super) body: Body,
    /// Whether the connection may serve again when the body is over.
    pub(super) keeps_alive: bool,
}

/// Headers of an answer at most.
const MAX_HEADERS: usize = 100;

impl Head {
    /// Reads a head at the front of the bytes that have arrived, and says how long it is; `None` while it is not
    /// whole. Heads that only announce another one (1xx) are heads too.
    ///
    /// # Errors
    ///
    /// When it is no head of HTTP/1.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, WireError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(WireError::Malformed(in_words(error).to_owned())),
        };
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        let Some(status) = status else {
            return Err(WireError::Malformed("the status is none".to_owned()));
        };
        let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut fields = HeaderMap::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
            else {
                return Err(WireError::Malformed("a header is none".to_owned()));
            };
            fields.append(name, value);
        }
        let body = body(status, version, &fields)?;
        let keeps_alive = version == Version::HTTP_11
            && body != Body::UntilClose
            && !tokens(&fields, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("close"));
        Ok(Some((Self { status, headers: fields, version, body, keeps_alive }, length)))
    }

    /// Whether the body is compressed, which was not asked for.
    pub(super) fn is_compressed(&self) -> bool {
        is_compressed(&self.headers)
    }
}

/// Whether the headers of an answer say that its body is compressed.
pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    tokens(headers, &header::CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity"))
}

/// How the body of an answer to a request that was not `HEAD` is told from what follows it: RFC 9112, section 6.3.
fn body(status: StatusCode, version: Version, headers: &HeaderMap) -> Result<Body, WireError> {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Body::Sized(0));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        if version == Version::HTTP_10 {
            return Err(WireError::Malformed("http/1.0 has no transfer encoding".to_owned()));
        }
        let last = tokens(headers, &header::TRANSFER_ENCODING).last();
        let chunked = last.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        return Ok(if chunked { Body::chunked() } else { Body::UntilClose });
    }
    let mut length = None;
    for token in tokens(headers, &header::CONTENT_LENGTH) {
        let digits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        let told = token.parse::<u64>().ok().filter(|_| digits);
        let told = told.ok_or_else(|| WireError::Malformed("`content-length` is no number".to_owned()))?;
        if length.is_some_and(|length| length != told) {
            return Err(WireError::Malformed("`content-length` comes twice and differs".to_owned()));
        }
        length = Some(told);
    }
    Ok(length.map_or(Body::UntilClose, Body::Sized))
}

/// The parts of a header's values between commas.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim)
}

fn in_words(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => "a header is none",
        httparse::Error::NewLine => "a line of the head does not end as it should",
        httparse::Error::Status => "the status is none",
        httparse::Error::Token => "the head has characters that may not be there",
        httparse::Error::TooManyHeaders => "the head is too large",
        httparse::Error::Version => "the answer does not begin with a version of http",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, WireError> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn where_a_body_ends() {
        let sized = |n| (Body::Sized(n), true);
        for (lines, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5", sized(5)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5, 5", sized(5)),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5", sized(0)),
            ("HTTP/1.1 304 Not Modified", sized(0)),
            ("HTTP/1.1 100 Continue", sized(0)),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", (Body::chunked(), true)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\ncontent-length: 5",
                (Body::chunked(), true),
            ),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip", (Body::UntilClose, false)),
            ("HTTP/1.1 200 OK", (Body::UntilClose, false)),
            ("HTTP/1.1 200", (Body::UntilClose, false)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5", (Body::Sized(5), false)),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive, Close",
                (Body::Sized(5), false),
            ),
        ] {
            let text = format!("{lines}\r\n\r\n");
            let (head, length) = head(&text).expect("a head").expect("a whole one");
            assert_eq!(((head.body, head.keeps_alive), length), (expected, text.len()), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_head() {
        for (text, error) in [
            ("SSH-2.0-OpenSSH_9.2\r\n", "the answer does not begin with a version of http"),
            ("HTTP/2 200 OK\r\n\r\n", "the answer does not begin with a version of http"),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "the status is none"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a header is none"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "`content-length` is no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n", "`content-length` is no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n", "`content-length` comes twice and differs"),
            ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "http/1.0 has no transfer encoding"),
        ] {
            let failure = head(text).err();
            assert_eq!(failure, Some(WireError::Malformed(error.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn half_a_head_is_none_yet() {
        let whole = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        for end in 0..whole.len() {
            assert!(head(&whole[..end]).expect("no error").is_none(), "{end}");
        }
    }
}
