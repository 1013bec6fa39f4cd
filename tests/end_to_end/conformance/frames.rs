//! Preface, frames and their kinds (sections 3, 4 and 6).

use super::*;

pub(super) fn cases() -> Vec<Case> {
    use Code::*;
    use Right::*;
    let good = || get(1, WHOLE, &[]);
    vec![
        case("generic 1", "SETTINGS without entries after the preface", Vec::new(), GoesOn),
        case(
            "3.5",
            "a second preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        ),
        case("4.1", "a frame of an unknown kind", frame(0xff, 0, 0, &[0; 8]), GoesOn),
        case("4.1", "a frame with flags that are not defined", frame(PING, 0x16, 0, &MARK), GoesOn),
        case("4.1", "a frame with the reserved bit set", frame(PING, 0, 1 << 31, &MARK), GoesOn),
        case(
            "4.2",
            "DATA of 2^14 bytes",
            [post(1, END_HEADERS, &[]), frame(DATA, END_STREAM, 1, &[b'a'; 1 << 14])].concat(),
            Answer,
        ),
        case(
            "4.2",
            "DATA past SETTINGS_MAX_FRAME_SIZE",
            [post(1, END_HEADERS, &[]), frame(DATA, END_STREAM, 1, &[b'a'; (1 << 14) + 1])].concat(),
            Stream(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.2",
            "HEADERS past SETTINGS_MAX_FRAME_SIZE",
            frame(HEADERS, WHOLE, 1, &[0; (1 << 14) + 1]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.3",
            "a header block that cannot be read",
            frame(HEADERS, WHOLE, 1, &[0x40]),
            Connection(&[COMPRESSION_ERROR]),
        ),
        case(
            "4.3",
            "PRIORITY within a header block",
            [get(1, END_STREAM, &[]), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "4.3",
            "HEADERS of another stream within a header block",
            [get(1, END_STREAM, &[]), get(3, WHOLE, &[])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("5.5", "an extension's frame", frame(0x16, 0, 0, &[0; 8]), GoesOn),
        case(
            "5.5",
            "an extension's frame within a header block",
            [get(1, END_STREAM, &[]), frame(0x16, 0, 0, &[0; 8])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "generic 3.1",
            "DATA",
            [post(1, END_HEADERS, &[]), frame(DATA, END_STREAM, 1, b"a")].concat(),
            Answer,
        ),
        case(
            "generic 3.1",
            "several DATA",
            [post(1, END_HEADERS, &[]), frame(DATA, 0, 1, b"a"), frame(DATA, END_STREAM, 1, b"b")].concat(),
            Answer,
        ),
        case(
            "generic 3.1",
            "DATA with padding",
            [post(1, END_HEADERS, &[]), frame(DATA, END_STREAM | PADDED, 1, &[2, b'a', 0, 0])].concat(),
            Answer,
        ),
        case("6.1", "DATA on stream 0", frame(DATA, END_STREAM, 0, b"a"), Connection(&[PROTOCOL_ERROR])),
        case(
            "6.1",
            "DATA on a stream that is half-closed",
            [good(), frame(DATA, END_STREAM, 1, b"a")].concat(),
            Stream(&[STREAM_CLOSED]),
        ),
        case(
            "6.1",
            "DATA with more padding than payload",
            [post(1, END_HEADERS, &[]), frame(DATA, END_STREAM | PADDED, 1, &[9, b'a'])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("generic 3.2", "HEADERS", good(), Answer),
        case(
            "generic 3.2",
            "HEADERS with padding",
            frame(HEADERS, WHOLE | PADDED, 1, &[&[1][..], &block(&[]), &[0]].concat()),
            Answer,
        ),
        case(
            "generic 3.2",
            "HEADERS with priority",
            frame(HEADERS, WHOLE | PRIORITISED, 1, &[&[0, 0, 0, 0, 255][..], &block(&[])].concat()),
            Answer,
        ),
        case(
            "6.2",
            "PRIORITY in the place of CONTINUATION",
            [get(1, END_STREAM, &[]), frame(PRIORITY, 0, 3, &[0; 5])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.2",
            "HEADERS in the place of CONTINUATION",
            [get(1, END_STREAM, &[]), get(1, WHOLE, &[])].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("6.2", "HEADERS on stream 0", get(0, WHOLE, &[]), Connection(&[PROTOCOL_ERROR])),
        case(
            "6.2",
            "HEADERS with more padding than payload",
            frame(HEADERS, WHOLE | PADDED, 1, &[255, 0x82]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.2",
            "HEADERS too short for their priority",
            frame(HEADERS, WHOLE | PRIORITISED, 1, &[0, 0]),
            Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        ),
        case("generic 3.3", "PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]), GoesOn),
        case(
            "generic 3.3",
            "PRIORITY with exclusive dependency",
            frame(PRIORITY, 0, 3, &[0x80, 0, 0, 1, 255]),
            GoesOn,
        ),
        case(
            "6.3",
            "PRIORITY on stream 0",
            frame(PRIORITY, 0, 0, &[0, 0, 0, 3, 1]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.3",
            "PRIORITY of four bytes",
            [post(1, END_HEADERS, &[]), frame(PRIORITY, 0, 1, &[0; 4])].concat(),
            Stream(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "generic 3.4",
            "RST_STREAM",
            [post(1, END_HEADERS, &[]), frame(RESET, 0, 1, &[0, 0, 0, 8])].concat(),
            GoesOn,
        ),
        case(
            "6.4",
            "RST_STREAM on stream 0",
            frame(RESET, 0, 0, &[0, 0, 0, 8]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.4",
            "RST_STREAM on an idle stream",
            frame(RESET, 0, 1, &[0, 0, 0, 8]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.4",
            "RST_STREAM of three bytes",
            [post(1, END_HEADERS, &[]), frame(RESET, 0, 1, &[0; 3])].concat(),
            Stream(&[FRAME_SIZE_ERROR]),
        ),
        case("generic 3.5", "SETTINGS", setting(3, 100), GoesOn),
        case(
            "6.5",
            "SETTINGS that acknowledge and say something",
            frame(SETTINGS, ACK, 0, &[0]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.5",
            "SETTINGS on a stream",
            frame(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 100]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.5",
            "SETTINGS of half an entry",
            frame(SETTINGS, 0, 0, &[0, 3, 0]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case("6.5.2", "SETTINGS_ENABLE_PUSH of 2", setting(2, 2), Connection(&[PROTOCOL_ERROR])),
        case(
            "6.5.2",
            "SETTINGS_INITIAL_WINDOW_SIZE of 2^31",
            setting(4, 1 << 31),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.5.2",
            "SETTINGS_MAX_FRAME_SIZE below 2^14",
            setting(5, (1 << 14) - 1),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24", setting(5, 1 << 24), Connection(&[PROTOCOL_ERROR])),
        case("6.5.2", "a setting that nobody knows", setting(0xff, 1), GoesOn),
        case(
            "6.5.3",
            "the same setting twice",
            frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1, 0, 4, 0, 1, 0, 0]),
            GoesOn,
        ),
        case(
            "8.2",
            "PUSH_PROMISE from a client",
            frame(PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("generic 3.7", "PING", frame(PING, 0, 0, &MARK), GoesOn),
        case("6.7", "PING that acknowledges what was never asked", frame(PING, ACK, 0, b"invented"), GoesOn),
        case("6.7", "PING on a stream", frame(PING, 0, 1, &[0; 8]), Connection(&[PROTOCOL_ERROR])),
        case("6.7", "PING of six bytes", frame(PING, 0, 0, &[0; 6]), Connection(&[FRAME_SIZE_ERROR])),
        case("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Connection(&[PROTOCOL_ERROR])),
        case("6.8", "GOAWAY too short", frame(GOAWAY, 0, 0, &[0; 7]), Connection(&[FRAME_SIZE_ERROR])),
        case("generic 3.9", "WINDOW_UPDATE of the connection", frame(WINDOW, 0, 0, &[0, 0, 0, 1]), GoesOn),
        case(
            "generic 3.9",
            "WINDOW_UPDATE of a stream",
            [post(1, END_HEADERS, &[]), frame(WINDOW, 0, 1, &[0, 0, 0, 1])].concat(),
            GoesOn,
        ),
        case("6.9", "WINDOW_UPDATE of nothing", frame(WINDOW, 0, 0, &[0; 4]), Connection(&[PROTOCOL_ERROR])),
        case(
            "6.9",
            "WINDOW_UPDATE of nothing on a stream",
            [post(1, END_HEADERS, &[]), frame(WINDOW, 0, 1, &[0; 4])].concat(),
            Stream(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.9",
            "WINDOW_UPDATE of three bytes",
            frame(WINDOW, 0, 0, &[0, 0, 1]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.9.1",
            "the connection's window past 2^31 - 1",
            [frame(WINDOW, 0, 0, &[0x7f, 255, 255, 255]), frame(WINDOW, 0, 0, &[0x7f, 255, 255, 255])]
                .concat(),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.9.1",
            "a stream's window past 2^31 - 1",
            [
                post(1, END_HEADERS, &[]),
                frame(WINDOW, 0, 1, &[0x7f, 255, 255, 255]),
                frame(WINDOW, 0, 1, &[0x7f, 255, 255, 255]),
            ]
            .concat(),
            Stream(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.9.1",
            "a window of one byte, then room",
            [setting(4, 1), good(), setting(4, 65_535)].concat(),
            Answer,
        ),
        case(
            "6.9.2",
            "a window that becomes negative, then room",
            [setting(4, 3), good(), setting(4, 2), frame(WINDOW, 0, 1, &[0, 1, 0, 0])].concat(),
            Answer,
        ),
        case(
            "6.9.2",
            "SETTINGS_INITIAL_WINDOW_SIZE that takes a stream past the end",
            [
                good(),
                post(3, END_HEADERS, &[]),
                frame(WINDOW, 0, 3, &[0x7f, 255, 0, 0]),
                setting(4, 0x7fff_ffff),
            ]
            .concat(),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.10",
            "one CONTINUATION",
            [
                frame(HEADERS, END_STREAM, 1, &block(&[])),
                frame(CONTINUATION, END_HEADERS, 1, &fields(&[("x", "y")])),
            ]
            .concat(),
            Answer,
        ),
        case(
            "6.10",
            "several CONTINUATION",
            [
                frame(HEADERS, END_STREAM, 1, &block(&[])),
                frame(CONTINUATION, 0, 1, &fields(&[("x", "y")])),
                frame(CONTINUATION, END_HEADERS, 1, &fields(&[("z", "y")])),
            ]
            .concat(),
            Answer,
        ),
        case(
            "6.10",
            "CONTINUATION followed by DATA",
            [
                get(1, 0, &[]),
                frame(CONTINUATION, 0, 1, &fields(&[("x", "y")])),
                frame(DATA, END_STREAM, 1, b"a"),
            ]
            .concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10",
            "CONTINUATION on stream 0",
            [get(1, END_STREAM, &[]), frame(CONTINUATION, END_HEADERS, 0, &fields(&[("x", "y")]))].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10",
            "CONTINUATION of another stream",
            [get(1, END_STREAM, &[]), frame(CONTINUATION, END_HEADERS, 3, &fields(&[("x", "y")]))].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10",
            "CONTINUATION behind HEADERS that ended",
            [good(), frame(CONTINUATION, END_HEADERS, 1, &fields(&[("x", "y")]))].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10",
            "CONTINUATION behind CONTINUATION that ended",
            [
                get(1, END_STREAM, &[]),
                frame(CONTINUATION, END_HEADERS, 1, &fields(&[("x", "y")])),
                frame(CONTINUATION, END_HEADERS, 1, &fields(&[("x", "y")])),
            ]
            .concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10",
            "CONTINUATION behind DATA",
            [
                post(1, END_HEADERS, &[]),
                frame(DATA, 0, 1, b"a"),
                frame(CONTINUATION, END_HEADERS, 1, &fields(&[("x", "y")])),
            ]
            .concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "7",
            "RST_STREAM with a code that nobody knows",
            [post(1, END_HEADERS, &[]), frame(RESET, 0, 1, &[0, 0, 0, 255])].concat(),
            GoesOn,
        ),
    ]
}
