//! PROXY protocol, version 2: whom a balancer in front of us speaks for
//! (haproxy.org/download/3.0/doc/proxy-protocol.txt, § 2.2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How long the header may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that addresses and extensions together may be, in bytes; what balancers send takes a tenth.
const LONGEST: usize = 536;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const HEAD: usize = 16;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The balancer speaks for itself: a health check.
    Local,
    /// The balancer speaks for this client.
    Proxied(SocketAddr),
}

/// Why a header is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The connection begins otherwise.
    #[error("no PROXY protocol header")]
    Signature,
    /// Another version or command than those there are.
    #[error("an unknown version or command")]
    Command,
    /// Something else than TCP over IPv4 or IPv6.
    #[error("an address family other than TCP over IPv4 or IPv6")]
    Family,
    /// Too short for its addresses, or too long.
    #[error("a length that fits no address")]
    Length,
}

/// Reads a header from the beginning of a connection.
///
/// # Errors
/// What the peer sent instead, as invalid data; nothing whole in time.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Header> {
    let reading = async {
        let mut bytes = [0; HEAD + LONGEST];
        stream.read_exact(&mut bytes[..HEAD]).await?;
        let length = length(&bytes[..HEAD]).map_err(invalid)?;
        stream.read_exact(&mut bytes[HEAD..HEAD + length]).await?;
        parse(&bytes[..HEAD + length]).map_err(invalid)
    };
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn invalid(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

/// The length of what follows the first sixteen bytes.
fn length(head: &[u8]) -> Result<usize, Fault> {
    if head.len() < HEAD || head[..12] != SIGNATURE {
        return Err(Fault::Signature);
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > LONGEST { Err(Fault::Length) } else { Ok(length) }
}

/// What a whole header says.
///
/// # Errors
/// [`Fault`].
pub fn parse(bytes: &[u8]) -> Result<Header, Fault> {
    let length = length(bytes)?;
    let told = bytes.get(HEAD..HEAD + length).ok_or(Fault::Length)?;
    match bytes[12] {
        0x20 => return Ok(Header::Local),
        0x21 => {}
        _ => return Err(Fault::Command),
    }
    match bytes[13] {
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, ..] = told else { return Err(Fault::Length) };
            let port = u16::from_be_bytes([*high, *low]);
            Ok(Header::Proxied((Ipv4Addr::new(*a, *b, *c, *d), port).into()))
        }
        0x21 => {
            let (Some(address), Some([high, low])) = (told.first_chunk::<16>(), told.get(32..34)) else {
                return Err(Fault::Length);
            };
            if told.len() < 36 {
                return Err(Fault::Length);
            }
            let address = IpAddr::from(Ipv6Addr::from(*address)).to_canonical();
            Ok(Header::Proxied((address, u16::from_be_bytes([*high, *low])).into()))
        }
        _ => Err(Fault::Family),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, told: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend((told.len() as u16).to_be_bytes());
        bytes.extend(told);
        bytes
    }

    #[test]
    fn a_client_is_told_in_both_families_and_extensions_are_passed_over() {
        let mut v4 = vec![192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];
        let expected = Header::Proxied("192.0.2.7:12345".parse().unwrap());
        assert_eq!(parse(&header(0x21, 0x11, &v4)), Ok(expected));
        v4.extend([0x03, 0, 4, 1, 2, 3, 4]);
        assert_eq!(parse(&header(0x21, 0x11, &v4)), Ok(expected));
        let mut v6 = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        v6.extend([0; 16]);
        v6.extend([0x30, 0x39, 0x01, 0xbb]);
        let expected = Header::Proxied("[2001:db8::1]:12345".parse().unwrap());
        assert_eq!(parse(&header(0x21, 0x21, &v6)), Ok(expected));
        assert_eq!(parse(&header(0x20, 0, &[])), Ok(Header::Local));
    }

    #[test]
    fn anything_else_is_not_believed() {
        assert_eq!(parse(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"), Err(Fault::Signature));
        assert_eq!(parse(&header(0x11, 0x11, &[0; 12])), Err(Fault::Command));
        assert_eq!(parse(&header(0x22, 0x11, &[0; 12])), Err(Fault::Command));
        assert_eq!(parse(&header(0x21, 0x12, &[0; 12])), Err(Fault::Family));
        assert_eq!(parse(&header(0x21, 0x00, &[])), Err(Fault::Family));
        assert_eq!(parse(&header(0x21, 0x11, &[0; 9])), Err(Fault::Length));
        assert_eq!(parse(&header(0x21, 0x21, &[0; 35])), Err(Fault::Length));
        assert_eq!(parse(&header(0x21, 0x11, &[0; LONGEST + 1])), Err(Fault::Length));
        assert_eq!(parse(&header(0x21, 0x11, &[0; 12])[..20]), Err(Fault::Length));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_behind_the_header_is_eaten_and_silence_has_an_end() {
        let mut bytes = header(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0, 1, 0, 2]);
        bytes.extend(b"hello");
        let mut stream = &bytes[..];
        assert!(matches!(read(&mut stream).await, Ok(Header::Proxied(_))));
        assert_eq!(stream, b"hello");
        let (mut silent, _peer) = tokio::io::duplex(1);
        assert_eq!(read(&mut silent).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    proptest! {
        /// No bytes make it fail otherwise than by a fault.
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
            let _ = parse(&[&SIGNATURE[..], &bytes].concat());
        }
    }
}
