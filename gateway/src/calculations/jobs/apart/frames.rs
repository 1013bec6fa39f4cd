//! How the gateway and the process of a calculation speak: a byte that says what follows, eight for how many bytes, and
//! these.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Answer, Work};
use crate::calculations::jobs::packed::Packed;

/// Lines: of data, before what is asked of them; of a list apart, before its outcome.
const LINES: u8 = b'l';
/// What is asked, in JSON: nothing comes after it.
const WORK: u8 = b'w';
/// The part done, in thousandths.
const PROGRESS: u8 = b'p';
/// An outcome; nothing comes after it, nor after the two that follow.
const OUTCOME: u8 = b'o';
const FAULTS: u8 = b'f';
const INCIDENT: u8 = b'i';
/// The longest, in bytes: an outcome of a gigabyte, packed.
const LONGEST: u64 = 512 << 20;
/// Head of each.
const HEAD: usize = 9;

/// What a calculation says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// The part done.
    Progress(f64),
    /// The end.
    Answer(Answer),
}

/// What is sent to a process: the frames of a calculation.
pub(super) fn packed(work: &Work) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(lines) = &work.lines {
        write(&mut bytes, LINES, lines.as_bytes())?;
    }
    write(&mut bytes, WORK, &serde_json::to_vec(work)?)?;
    Ok(bytes)
}

/// What a process was asked.
pub(super) fn read_work(from: &mut impl Read) -> io::Result<Work> {
    let mut lines = None;
    loop {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let (kind, length) = parsed(head)?;
        let mut bytes = Vec::new();
        from.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match kind {
            LINES => lines = Some(String::from_utf8(bytes).map_err(|_| odd())?),
            WORK => {
                let mut work: Work = serde_json::from_slice(&bytes)?;
                work.lines = lines;
                return Ok(work);
            }
            _ => return Err(odd()),
        }
    }
}

/// Sends what was packed.
pub(super) async fn send(to: &mut (impl AsyncWrite + Unpin), packed: &[u8]) -> io::Result<()> {
    to.write_all(packed).await
}

/// Says something to the gateway.
pub(super) fn say(to: &mut impl Write, said: &Said) -> io::Result<()> {
    match said {
        Said::Progress(part) => {
            let thousandths = (part.clamp(0.0, 1.0) * 1000.0) as u16;
            write(to, PROGRESS, &thousandths.to_le_bytes())
        }
        Said::Answer(Answer::Outcome(Packed { told, lines })) => {
            if !lines.is_empty() {
                write(to, LINES, lines)?;
            }
            write(to, OUTCOME, told.as_bytes())
        }
        Said::Answer(Answer::Faults(faults)) => write(to, FAULTS, &serde_json::to_vec(faults)?),
        Said::Answer(Answer::Incident(why)) => write(to, INCIDENT, why.as_bytes()),
    }
}

/// What a process says next; nothing once it says no more. What it says is believed no further than its form.
pub(super) async fn hear(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Said>> {
    let Some((mut kind, mut bytes)) = frame(from).await? else { return Ok(None) };
    let mut lines = Vec::new();
    if kind == LINES {
        lines = bytes;
        let Some(next) = frame(from).await? else { return Ok(None) };
        (kind, bytes) = next;
        if kind != OUTCOME {
            return Err(odd());
        }
    }
    let text = |bytes| String::from_utf8(bytes).map_err(|_| odd());
    Ok(Some(match kind {
        PROGRESS => {
            let thousandths = u16::from_le_bytes(bytes.try_into().map_err(|_| odd())?);
            Said::Progress(f64::from(thousandths.min(1000)) / 1000.0)
        }
        OUTCOME => Said::Answer(Answer::Outcome(Packed { told: text(bytes)?, lines })),
        FAULTS => Said::Answer(Answer::Faults(serde_json::from_slice(&bytes)?)),
        INCIDENT => Said::Answer(Answer::Incident(text(bytes)?)),
        _ => return Err(odd()),
    }))
}

/// The next kind and bytes; nothing where there are no more, or not as many as announced.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (kind, length) = parsed(head)?;
    let mut bytes = Vec::new();
    // Memory is taken for what comes, not for what is announced.
    from.take(length).read_to_end(&mut bytes).await?;
    Ok((bytes.len() as u64 == length).then_some((kind, bytes)))
}

fn write(to: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let mut head = [kind; HEAD];
    head[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    to.write_all(&head)?;
    to.write_all(bytes)
}

fn parsed(head: [u8; HEAD]) -> io::Result<(u8, u64)> {
    let [kind, length @ ..] = head;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(odd());
    }
    Ok((kind, length))
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not what is said here")
}

#[cfg(test)]
mod tests {
    use aops_engine::{Fault, Watch};
    use serde_json::{Map, json};

    use super::*;
    use crate::calculations::faults::Kept;

    #[test]
    fn what_is_asked_arrives_as_it_was_with_its_lines() {
        let asked = Map::from_iter([("employees".into(), json!([1])), ("rate".into(), json!(0.1))]);
        let alone = Work::asked("ifc".into(), asked.clone());
        let with = alone.clone().with(Map::new(), Some("id;sex\n1;F\n".into()), "Personnel".into());
        for work in [alone, with] {
            let bytes = packed(&work).unwrap();
            assert_eq!(read_work(&mut &bytes[..]).unwrap(), work);
            for cut in [0, 1, HEAD, bytes.len() - 1] {
                assert!(read_work(&mut &bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_said_is_heard_and_what_makes_no_sense_or_is_cut_short_is_not_believed() {
        let fault = Kept::of(&Fault::new("/a", "missing", &[("name", "a".into())]));
        let all = [
            Said::Progress(0.25),
            Said::Answer(Answer::Outcome(Packed { told: "b64".into(), lines: Vec::new() })),
            Said::Answer(Answer::Outcome(Packed { told: "b64".into(), lines: vec![0x28, 0xb5] })),
            Said::Answer(Answer::Faults(vec![fault])),
            Said::Answer(Answer::Incident("x".into())),
        ];
        let mut bytes = Vec::new();
        all.iter().for_each(|said| say(&mut bytes, said).unwrap());
        let mut from = &bytes[..];
        for said in &all {
            assert_eq!(hear(&mut from).await.unwrap().as_ref(), Some(said));
        }
        assert_eq!(hear(&mut from).await.unwrap(), None);
        assert_eq!(hear(&mut &bytes[..HEAD + 1]).await.unwrap(), None, "cut short");
        let announced = [&[OUTCOME][..], &u64::MAX.to_le_bytes()].concat();
        assert!(hear(&mut &announced[..]).await.is_err(), "more than there can be");
        let lines_of_nothing = [LINES, 1, 0, 0, 0, 0, 0, 0, 0, b'l', PROGRESS, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        assert!(hear(&mut &lines_of_nothing[..]).await.is_err(), "lines are an outcome's");
        assert!(hear(&mut &[b'x', 0, 0, 0, 0, 0, 0, 0, 0][..]).await.is_err());
        assert!(hear(&mut &[FAULTS, 1, 0, 0, 0, 0, 0, 0, 0, b'{'][..]).await.is_err());
    }

    #[test]
    fn a_calculation_gives_the_same_apart_as_here() {
        let request = aops_engine::example("courbe").unwrap().as_object().unwrap().clone();
        let work = Work::asked("courbe".into(), request);
        let sent = read_work(&mut &packed(&work).unwrap()[..]).unwrap();
        let here = work.answer(&Watch::default());
        assert!(matches!(here, Answer::Outcome(_)));
        assert_eq!(sent.answer(&Watch::default()), here);
    }
}
