//! States, numbers and dependencies of streams (section 5).

use super::*;

pub(super) fn cases() -> Vec<Case> {
    use Code::*;
    use Right::*;
    let good = || get(1, WHOLE, &[]);
    let reset = || frame(RESET, 0, 1, &[0, 0, 0, 8]);
    let more = || fields(&[("x", "y")]);
    let opened = || post(1, END_HEADERS, &[]);
    let many = || (0..201).flat_map(|n| post(2 * n + 1, END_HEADERS, &[])).collect::<Vec<_>>();
    vec![
        case("generic 2", "PRIORITY on an idle stream", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]), GoesOn),
        case(
            "generic 2",
            "WINDOW_UPDATE on a half-closed stream",
            [good(), frame(WINDOW, 0, 1, &[0, 0, 0, 100])].concat(),
            Answer,
        ),
        case(
            "generic 2",
            "PRIORITY on a half-closed stream",
            [good(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255])].concat(),
            Answer,
        ),
        case(
            "generic 2",
            "RST_STREAM on a half-closed stream",
            [post(1, WHOLE, &[]), reset()].concat(),
            GoesOn,
        ),
        after(
            good(),
            case(
                "generic 2",
                "PRIORITY on a closed stream",
                frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]),
                GoesOn,
            ),
        ),
        after(
            good(),
            case("5.1", "WINDOW_UPDATE on a closed stream", frame(WINDOW, 0, 1, &[0, 0, 0, 100]), GoesOn),
        ),
        after(good(), case("5.1", "RST_STREAM on a closed stream", reset(), GoesOn)),
        case(
            "5.1",
            "DATA on an idle stream",
            frame(DATA, END_STREAM, 1, b"a"),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("5.1", "RST_STREAM on an idle stream", reset(), Connection(&[PROTOCOL_ERROR])),
        case(
            "5.1",
            "WINDOW_UPDATE on an idle stream",
            frame(WINDOW, 0, 1, &[0, 0, 0, 100]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.1",
            "CONTINUATION on an idle stream",
            frame(CONTINUATION, END_HEADERS, 1, &more()),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.1",
            "DATA on a half-closed stream",
            [good(), frame(DATA, END_STREAM, 1, b"a")].concat(),
            Stream(&[STREAM_CLOSED]),
        ),
        case(
            "5.1",
            "HEADERS on a half-closed stream",
            [good(), good()].concat(),
            Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        case(
            "5.1",
            "CONTINUATION on a half-closed stream",
            [good(), frame(CONTINUATION, END_HEADERS, 1, &more())].concat(),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        case(
            "5.1",
            "DATA behind RST_STREAM",
            [opened(), reset(), frame(DATA, END_STREAM, 1, b"a")].concat(),
            Stream(&[STREAM_CLOSED]),
        ),
        case(
            "5.1",
            "HEADERS behind RST_STREAM",
            [opened(), reset(), good()].concat(),
            Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        case(
            "5.1",
            "CONTINUATION behind RST_STREAM",
            [opened(), reset(), frame(CONTINUATION, END_HEADERS, 1, &more())].concat(),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        after(
            good(),
            case(
                "5.1",
                "DATA on a closed stream",
                frame(DATA, END_STREAM, 1, b"a"),
                Stream(&[STREAM_CLOSED]),
            ),
        ),
        after(
            good(),
            case("5.1", "HEADERS on a closed stream", good(), Stream(&[STREAM_CLOSED, PROTOCOL_ERROR])),
        ),
        after(
            good(),
            case(
                "5.1",
                "CONTINUATION on a closed stream",
                frame(CONTINUATION, END_HEADERS, 1, &more()),
                Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
        ),
        case("5.1.1", "a stream with an even number", get(2, WHOLE, &[]), Connection(&[PROTOCOL_ERROR])),
        case(
            "5.1.1",
            "a stream with a smaller number",
            [get(5, WHOLE, &[]), get(3, WHOLE, &[])].concat(),
            Connection(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        case(
            "5.1.2",
            "more streams than SETTINGS_MAX_CONCURRENT_STREAMS",
            many(),
            Stream(&[PROTOCOL_ERROR, REFUSED_STREAM]),
        ),
        case(
            "5.3.1",
            "HEADERS that depend on themselves",
            frame(HEADERS, WHOLE | PRIORITISED, 1, &[&[0, 0, 0, 1, 255][..], &block(&[])].concat()),
            Stream(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.3.1",
            "PRIORITY that depends on itself",
            frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 255]),
            Stream(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.4.1",
            "an error of the connection ends it",
            frame(PING, 0, 3, &[0; 8]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.1.1",
            "the largest number, then none is left",
            [get(0x7fff_ffff, WHOLE, &[]), get(1, WHOLE, &[])].concat(),
            Connection(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
    ]
}
