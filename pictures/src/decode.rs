//! Pixels of a picture, upright and in sRGB; nothing of how they are written again.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use moxcms::{ColorProfile, Layout, TransformOptions};

use crate::{Kind, Limits, PictureError, metadata};

/// The orientation that the metadata of a picture ask for, if any.
pub(crate) fn orientation(bytes: &[u8], kind: Kind) -> Result<Option<Orientation>, PictureError> {
    let Some(format) = format(kind) else { return Ok(None) };
    let reading = |error| PictureError::reading(kind, &error);
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(reading)?;
    let orientation = decoder.orientation().map_err(reading)?;
    Ok(Some(orientation).filter(|orientation| *orientation != Orientation::NoTransforms))
}

/// Whether width and height change places.
pub(crate) fn lies_down(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Whether a picture has more than one frame.
pub(crate) fn is_animated(bytes: &[u8], kind: Kind) -> Result<bool, PictureError> {
    let reading = |error| PictureError::reading(kind, &error);
    let input = Cursor::new(bytes);
    match kind {
        Kind::Gif => {
            let frames = GifDecoder::new(input).map_err(reading)?.into_frames().take(2);
            Ok(frames.collect::<Result<Vec<_>, _>>().map_err(reading)?.len() > 1)
        }
        Kind::Webp => Ok(WebPDecoder::new(input).map_err(reading)?.has_animation()),
        Kind::Png => {
            let decoder = PngDecoder::with_limits(input, image::Limits::default()).map_err(reading)?;
            decoder.is_apng().map_err(reading)
        }
        Kind::Jpeg | Kind::Avif | Kind::Svg => Ok(false),
    }
}

/// The pixels of a still picture, as RGB8, or RGBA8 where it has transparency; `None` of a kind that is not decoded.
///
/// Its orientation is applied and its colour profile, if it has one that is understood, brought to sRGB: the forms
/// carry no profile.
///
/// # Errors
/// [`PictureError::Truncated`] where bytes lack, [`PictureError::Codec`] where they are wrong.
pub(crate) fn pixels(bytes: &[u8], kind: Kind, limits: Limits) -> Result<Option<DynamicImage>, PictureError> {
    let Some(format) = format(kind) else { return Ok(None) };
    if kind == Kind::Jpeg && metadata::jpeg_end(bytes).is_none() {
        return Err(PictureError::Truncated);
    }
    let reading = |error| PictureError::reading(kind, &error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allowed = image::Limits::default();
    allowed.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(limits.bytes));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(reading)?;
    let orientation = decoder.orientation().map_err(reading)?;
    let profile = decoder.icc_profile().map_err(reading)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(reading)?;
    let mut image = if decoded.color().has_alpha() {
        DynamicImage::from(decoded.into_rgba8())
    } else {
        DynamicImage::from(decoded.into_rgb8())
    };
    if let Some(profile) = profile {
        image = in_srgb(image, &profile);
    }
    image.apply_orientation(orientation);
    Ok(Some(image))
}

/// The same picture in sRGB; as it was where the profile is not one of RGB colours or cannot be read.
fn in_srgb(image: DynamicImage, profile: &[u8]) -> DynamicImage {
    let layout = if image.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let Ok(source) = ColorProfile::new_from_slice(profile) else { return image };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = source.create_transform_8bit(layout, &srgb, layout, TransformOptions::default())
    else {
        return image;
    };
    let mut brought = image.clone();
    let done = match &mut brought {
        DynamicImage::ImageRgb8(pixels) => transform.transform(image.as_bytes(), pixels),
        DynamicImage::ImageRgba8(pixels) => transform.transform(image.as_bytes(), pixels),
        _ => return image,
    };
    if done.is_ok() { brought } else { image }
}

fn format(kind: Kind) -> Option<ImageFormat> {
    match kind {
        Kind::Png => Some(ImageFormat::Png),
        Kind::Jpeg => Some(ImageFormat::Jpeg),
        Kind::Gif => Some(ImageFormat::Gif),
        Kind::Webp => Some(ImageFormat::WebP),
        Kind::Avif | Kind::Svg => None,
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    fn png(profile: Vec<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile).unwrap();
        encoder.write_image(&[200, 100, 100], 1, 1, ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    fn first(bytes: &[u8]) -> [u8; 3] {
        pixels(bytes, Kind::Png, Limits::default()).unwrap().unwrap().into_rgb8().get_pixel(0, 0).0
    }

    #[test]
    fn colours_of_a_wider_profile_are_brought_to_srgb() {
        // Display P3 (200, 100, 100) is sRGB (215, 93, 97), by the matrices of CSS Color 4.
        let [red, green, blue] = first(&png(ColorProfile::new_display_p3().encode().unwrap()));
        assert!(
            red.abs_diff(215) <= 2 && green.abs_diff(93) <= 2 && blue.abs_diff(97) <= 2,
            "{red} {green} {blue}"
        );
    }

    #[test]
    fn a_profile_that_cannot_be_read_changes_nothing() {
        assert_eq!(first(&png(b"not a profile".to_vec())), [200, 100, 100]);
    }
}
