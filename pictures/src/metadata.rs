//! What a file says beside its pixels (place, camera, author, earlier versions), taken out without touching the pixels.

use img_parts::jpeg::{Jpeg, markers};
use img_parts::png::Png;
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::{CHUNK_EXIF, CHUNK_VP8X, CHUNK_XMP, WebP};
use img_parts::{Bytes, Error};

use crate::{Kind, PictureError};

/// Chunks of a PNG that speak of the file, not of the picture (PNG 3rd edition, 11.3).
const PNG_METADATA: [[u8; 4]; 5] = [*b"eXIf", *b"iTXt", *b"tEXt", *b"tIME", *b"zTXt"];

/// Bits of the VP8X flags that announce EXIF and XMP (RFC 9649, 2.7).
const WEBP_METADATA_FLAGS: u8 = 0x08 | 0x04;

/// The same picture without EXIF, GPS, XMP, IPTC, comments or anything behind its end; colour profiles stay.
/// `None` if there was nothing to take out. GIF and AVIF are left as they are.
///
/// # Errors
/// [`PictureError::Truncated`] or [`PictureError::Codec`] where the file cannot be walked.
pub(crate) fn stripped(bytes: &[u8], kind: Kind) -> Result<Option<Vec<u8>>, PictureError> {
    let clean = match kind {
        Kind::Jpeg => jpeg(bytes)?,
        Kind::Png => png(bytes)?,
        Kind::Webp => webp(bytes)?,
        Kind::Gif | Kind::Avif | Kind::Svg => return Ok(None),
    };
    Ok((clean.len() < bytes.len()).then_some(clean))
}

/// Where a JPEG ends, its end-of-image marker included; `None` if it has none, that is, if it is cut short.
///
/// Decoders paint what lacks in grey and say nothing; cameras put other pictures, with their own metadata, behind.
pub(crate) fn jpeg_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        let marker = *bytes.get(at + 1)?;
        match marker {
            0xff => at += 1,
            // A stuffed byte, a restart, or another marker without length (ITU-T T.81, B.1.1.3).
            0x00..=0xbf | 0xd0..=0xd8 => at += 2,
            markers::EOI => return Some(at + 2),
            _ => {
                let length = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

fn jpeg(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let end = jpeg_end(bytes).ok_or(PictureError::Truncated)?;
    let mut jpeg =
        Jpeg::from_bytes(Bytes::copy_from_slice(&bytes[..end])).map_err(|error| fault(Kind::Jpeg, &error))?;
    jpeg.segments_mut().retain(|segment| match segment.marker() {
        // JFIF, and Adobe's colour transform, without which colours are wrong.
        markers::APP0 | markers::APP14 => true,
        markers::APP2 => segment.contents().starts_with(b"ICC_PROFILE\0"),
        markers::APP1..=markers::APP15 | markers::COM => false,
        _ => true,
    });
    Ok(jpeg.encoder().bytes().to_vec())
}

fn png(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut png = Png::from_bytes(Bytes::copy_from_slice(bytes)).map_err(|error| fault(Kind::Png, &error))?;
    png.chunks_mut().retain(|chunk| !PNG_METADATA.contains(&chunk.kind()));
    Ok(png.encoder().bytes().to_vec())
}

fn webp(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut webp =
        WebP::from_bytes(Bytes::copy_from_slice(bytes)).map_err(|error| fault(Kind::Webp, &error))?;
    webp.chunks_mut().retain(|chunk| ![CHUNK_EXIF, CHUNK_XMP].contains(&chunk.id()));
    for chunk in webp.chunks_mut().iter_mut().filter(|chunk| chunk.id() == CHUNK_VP8X) {
        let RiffContent::Data(content) = chunk.content() else { continue };
        let mut content = content.to_vec();
        if let Some(flags) = content.first_mut() {
            *flags &= !WEBP_METADATA_FLAGS;
        }
        *chunk = RiffChunk::new(CHUNK_VP8X, RiffContent::Data(Bytes::from(content)));
    }
    Ok(webp.encoder().bytes().to_vec())
}

fn fault(kind: Kind, error: &Error) -> PictureError {
    match error {
        Error::Truncated => PictureError::Truncated,
        other => PictureError::codec(kind, other),
    }
}
