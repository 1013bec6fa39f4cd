//! What a picture is, read from its header alone; never its pixels.

use std::io::Cursor;

use image::ImageFormat;
use imagesize::ImageError;

use crate::{PictureError, decode, svg};

/// The most that a picture may be, checked before any pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Weight of the file, in bytes.
    pub bytes: u64,
    /// Width times height, in pixels.
    pub pixels: u64,
}

impl Default for Limits {
    /// 30 MB and 60 million pixels: more than any telephone of 2026 takes by default.
    fn default() -> Self {
        Self { bytes: 30_000_000, pixels: 60_000_000 }
    }
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// GIF, still or animated.
    Gif,
    /// WebP, lossy or lossless.
    Webp,
    /// AVIF: its facts are read and its forms written, but its pixels are not decoded.
    Avif,
    /// Scalable Vector Graphics.
    Svg,
}

impl Kind {
    /// The extension of its files, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Svg => "svg",
        }
    }

    /// Its media type (IANA registry).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The format that these bytes open, by signature; any text that opens a tag is taken for a drawing.
    fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes) {
            Ok(ImageFormat::Png) => Some(Self::Png),
            Ok(ImageFormat::Jpeg) => Some(Self::Jpeg),
            Ok(ImageFormat::Gif) => Some(Self::Gif),
            Ok(ImageFormat::WebP) => Some(Self::Webp),
            Ok(ImageFormat::Avif) => Some(Self::Avif),
            _ => svg::opens(bytes).then_some(Self::Svg),
        }
    }
}

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// Its format.
    pub kind: Kind,
    /// Width as shown, in pixels (EXIF orientation applied).
    pub width: u32,
    /// Height as shown, in pixels.
    pub height: u32,
}

/// Reads the facts of a picture from its header; of a drawing, from `width` and `height` or `viewBox`.
///
/// # Errors
/// [`PictureError::NotAPicture`], [`PictureError::Truncated`] where even the header is incomplete, and the limits.
/// A drawing is not judged for safety here: see [`crate::clean_svg`].
pub fn inspect(bytes: &[u8], limits: Limits) -> Result<Facts, PictureError> {
    let weight = bytes.len() as u64;
    if weight > limits.bytes {
        return Err(PictureError::TooManyBytes { bytes: weight, limit: limits.bytes });
    }
    let kind = Kind::of(bytes).ok_or(PictureError::NotAPicture)?;
    if kind == Kind::Svg {
        let (width, height) = svg::size(bytes)?;
        return Ok(Facts { kind, width, height });
    }
    let (width, height) = declared(bytes)?;
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(PictureError::TooManyPixels { width, height, limit: limits.pixels });
    }
    if decode::orientation(bytes, kind)?.is_some_and(decode::lies_down) {
        return Ok(Facts { kind, width: height, height: width });
    }
    Ok(Facts { kind, width, height })
}

/// Width and height as stored, in pixels.
fn declared(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let size = imagesize::reader_size(Cursor::new(bytes)).map_err(|error| match error {
        ImageError::IoError(_) => PictureError::Truncated,
        _ => PictureError::NotAPicture,
    })?;
    let width = u32::try_from(size.width).map_err(|_| PictureError::NotAPicture)?;
    let height = u32::try_from(size.height).map_err(|_| PictureError::NotAPicture)?;
    if width == 0 || height == 0 {
        return Err(PictureError::NotAPicture);
    }
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, RgbImage};

    use super::*;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(RgbImage::new(30, 20)).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Signature and IHDR, nothing more.
    fn png_header(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        header
    }

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        let cases = [
            (ImageFormat::Png, Kind::Png),
            (ImageFormat::Jpeg, Kind::Jpeg),
            (ImageFormat::Gif, Kind::Gif),
            (ImageFormat::WebP, Kind::Webp),
        ];
        for (format, kind) in cases {
            let facts = inspect(&picture(format), Limits::default());
            assert_eq!(facts, Ok(Facts { kind, width: 30, height: 20 }));
        }
    }

    #[test]
    fn a_bomb_is_refused_from_its_header_alone() {
        let refused = inspect(&png_header(40_000, 40_000), Limits::default());
        let expected = PictureError::TooManyPixels { width: 40_000, height: 40_000, limit: 60_000_000 };
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn a_heavy_file_is_refused_before_it_is_read() {
        let refused = inspect(&picture(ImageFormat::Png), Limits { bytes: 10, pixels: 1 }).unwrap_err();
        assert_eq!(refused.code(), "too-many-bytes");
    }

    #[test]
    fn what_is_no_picture_is_said_so() {
        for bytes in [&b""[..], b"hello", b"%PDF-1.7", b"BM\0\0\0\0", b"\0\0\0\x18ftypisom"] {
            assert_eq!(inspect(bytes, Limits::default()), Err(PictureError::NotAPicture), "{bytes:?}");
        }
    }

    #[test]
    fn a_header_cut_short_is_an_error_at_every_length() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let whole = picture(format);
            for length in 0..10 {
                assert!(inspect(&whole[..length], Limits::default()).is_err(), "{format:?} {length}");
            }
        }
        let header = &picture(ImageFormat::Png)[..33];
        assert_eq!(inspect(header, Limits::default()), Err(PictureError::Truncated));
    }
}
