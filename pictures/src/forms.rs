//! Smaller forms of a picture: which widths, resized and encoded as AVIF and WebP; nothing of where they are kept.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder};
use ravif::{Img, RGB8, RGBA8};

use crate::{Facts, Kind, PictureError};

/// Name of how forms are made: whatever changes their bytes changes it, so that older forms are made anew.
pub(crate) const SETTINGS: &str = "1 lanczos3 avif60s9 webp80 srgb";

const AVIF_QUALITY: f32 = 60.0;
/// Half the time of 7 for 5 % more bytes (photograph of 9 million pixels, widths 480 to 1600, November 2026).
const AVIF_SPEED: u8 = 9;
const WEBP_QUALITY: f32 = 80.0;
/// For a picture turned upright in its own format: nothing more should be seen to be lost.
const UPRIGHT_QUALITY: u8 = 90;
/// The format holds 14 bits a side (RFC 9649, 2.5).
const WEBP_SIDE: u32 = 16_383;

/// A picture at one width, in one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// [`Kind::Avif`] or [`Kind::Webp`].
    pub kind: Kind,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels, in the proportion of the picture.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a site serves of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms {
    /// What the picture is.
    pub facts: Facts,
    /// The picture in its own format, upright and without metadata; the very bytes given where they already were.
    /// (The metadata of a GIF or an AVIF are left.) A drawing is cleaned.
    pub original: Vec<u8>,
    /// Its forms by width, AVIF before WebP at each; none for drawings, animations and AVIF.
    pub forms: Vec<Form>,
}

/// The widths to make of a picture that is `own` pixels wide, sorted: those wanted that are not larger, and its own,
/// which the largest wanted caps.
pub(crate) fn widths(own: u32, wanted: &[u32]) -> Vec<u32> {
    let mut widths: Vec<u32> = wanted.iter().copied().filter(|width| (1..=own).contains(width)).collect();
    widths.push(
        wanted.iter().copied().max().filter(|largest| *largest > 0).map_or(own, |largest| largest.min(own)),
    );
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// Every form of a picture.
///
/// # Errors
/// [`PictureError::Codec`] from the resizer or an encoder.
pub(crate) fn of(image: &DynamicImage, widths: &[u32]) -> Result<Vec<Form>, PictureError> {
    let mut forms = Vec::with_capacity(widths.len() * 2);
    for &width in widths {
        let smaller = resized(image, width)?;
        let (width, height) = (smaller.width(), smaller.height());
        forms.push(Form { kind: Kind::Avif, width, height, bytes: avif(&smaller)? });
        if width.max(height) <= WEBP_SIDE {
            forms.push(Form { kind: Kind::Webp, width, height, bytes: webp(&smaller, WEBP_QUALITY)? });
        }
    }
    Ok(forms)
}

/// An upright picture in the format it came in.
///
/// # Errors
/// [`PictureError::Codec`] from the encoder.
pub(crate) fn upright(image: &DynamicImage, kind: Kind) -> Result<Vec<u8>, PictureError> {
    let (width, height, color) = (image.width(), image.height(), image.color().into());
    let mut bytes = Vec::new();
    match kind {
        Kind::Jpeg => JpegEncoder::new_with_quality(&mut bytes, UPRIGHT_QUALITY).encode_image(image),
        Kind::Webp => return webp(image, f32::from(UPRIGHT_QUALITY)),
        _ => PngEncoder::new(&mut bytes).write_image(image.as_bytes(), width, height, color),
    }
    .map_err(|error| PictureError::codec(kind, error))?;
    Ok(bytes)
}

fn resized(image: &DynamicImage, width: u32) -> Result<DynamicImage, PictureError> {
    if width == image.width() {
        return Ok(image.clone());
    }
    let proportion = f64::from(image.height()) / f64::from(image.width());
    let height = (f64::from(width) * proportion).round().max(1.0) as u32;
    let mut smaller = DynamicImage::new(width, height, image.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new()
        .resize(image, &mut smaller, &options)
        .map_err(|error| PictureError::codec(Kind::Webp, format!("cannot resize: {error}")))?;
    Ok(smaller)
}

/// One thread alone: the tiles of an AVIF, hence its bytes, follow the number of threads.
fn avif(image: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let encoder = ravif::Encoder::new()
        .with_quality(AVIF_QUALITY)
        .with_alpha_quality(AVIF_QUALITY)
        .with_speed(AVIF_SPEED)
        .with_num_threads(Some(1));
    let (width, height) = (image.width() as usize, image.height() as usize);
    let encoded = if let DynamicImage::ImageRgba8(pixels) = image {
        let pixels: Vec<RGBA8> = pixels.pixels().map(|pixel| pixel.0.into()).collect();
        encoder.encode_rgba(Img::new(pixels.as_slice(), width, height))
    } else {
        let pixels: Vec<RGB8> = image.to_rgb8().pixels().map(|pixel| pixel.0.into()).collect();
        encoder.encode_rgb(Img::new(pixels.as_slice(), width, height))
    };
    Ok(encoded.map_err(|error| PictureError::codec(Kind::Avif, error))?.avif_file)
}

fn webp(image: &DynamicImage, quality: f32) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (image.width(), image.height());
    let encoder = if image.color().has_alpha() {
        webp::Encoder::from_rgba(image.as_bytes(), width, height)
    } else {
        webp::Encoder::from_rgb(image.as_bytes(), width, height)
    };
    let encoded = encoder
        .encode_simple(false, quality)
        .map_err(|error| PictureError::codec(Kind::Webp, format!("{error:?}")))?;
    Ok(encoded.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_never_enlarge_and_always_hold_the_pictures_own() {
        let cases: [(u32, &[u32], &[u32]); 6] = [
            (1000, &[320, 640, 1280], &[320, 640, 1000]),
            (3000, &[640, 320], &[320, 640]),
            (200, &[320, 640], &[200]),
            (640, &[640, 320, 640], &[320, 640]),
            (640, &[], &[640]),
            (640, &[0], &[640]),
        ];
        for (own, wanted, expected) in cases {
            assert_eq!(widths(own, wanted), expected, "{own} {wanted:?}");
        }
    }
}
