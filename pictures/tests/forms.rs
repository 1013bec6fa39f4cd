//! Pictures made in each test, through the studio: what comes out, what is refused, what is kept.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use aops_pictures::{Forms, Kind, Limits, PictureError, Studio, clean_svg, inspect};
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;

/// A slope of colours: red to the right, green to the bottom.
fn slope(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]))
}

fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// An EXIF block whose orientation is `orientation`, with something behind that nobody should read.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.push(orientation);
    block.extend(b"\0\0\0\0\0\0GPS 48.8566 N");
    block
}

fn jpeg_with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = [b"Exif\0\0".as_slice(), &exif(orientation)].concat();
    let length = ((exif.len() + 2) as u16).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn made(bytes: &[u8], widths: &[u32]) -> Result<Forms, PictureError> {
    let cache = TempDir::new().unwrap();
    Studio::new(cache.path().join("pictures"), Limits::default()).forms(bytes, widths)
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

#[test]
fn a_picture_has_an_avif_and_a_webp_at_each_width() {
    let png = file(slope(100, 50), ImageFormat::Png);
    let forms = made(&png, &[400, 32, 64]).unwrap();
    let shapes: Vec<_> = forms.forms.iter().map(|form| (form.kind, form.width, form.height)).collect();
    let (avif, webp) = (Kind::Avif, Kind::Webp);
    let expected =
        [(avif, 32, 16), (webp, 32, 16), (avif, 64, 32), (webp, 64, 32), (avif, 100, 50), (webp, 100, 50)];
    assert_eq!(shapes, expected);
    assert_eq!(forms.original, png);
    for form in &forms.forms {
        let facts = inspect(&form.bytes, Limits::default()).unwrap();
        assert_eq!((facts.kind, facts.width, facts.height), (form.kind, form.width, form.height));
    }
}

#[test]
fn a_form_looks_like_the_picture_and_keeps_its_transparency() {
    let drop =
        RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([200, 30, 60, 255]) } else { Rgba([0; 4]) });
    let forms = made(&file(drop, ImageFormat::Png), &[32]).unwrap();
    let webp = decoded(&forms.forms[1].bytes).into_rgba8();
    let near = |one: u8, other: u8| one.abs_diff(other) < 12;
    let left = webp.get_pixel(8, 16).0;
    assert!(near(left[0], 200) && near(left[1], 30) && near(left[2], 60) && left[3] == 255, "{left:?}");
    assert_eq!(webp.get_pixel(24, 16).0[3], 0);
}

#[test]
fn a_photograph_taken_sideways_stands_upright_and_tells_nothing() {
    let plain = file(slope(40, 20), ImageFormat::Jpeg);
    let photograph = jpeg_with_exif(&plain, 6);
    let forms = made(&photograph, &[20]).unwrap();
    assert_eq!((forms.facts.width, forms.facts.height), (20, 40));
    assert_eq!((forms.forms[0].width, forms.forms[0].height), (20, 40));
    assert!(holds(&photograph, b"GPS") && !holds(&forms.original, b"GPS"));
    let upright = decoded(&forms.original).into_rgb8();
    assert_eq!(upright.dimensions(), (20, 40));
    // Turned by a quarter to the right, the left side of the slope, without red, comes to the top.
    assert!(upright.get_pixel(10, 2).0[0] < 60 && upright.get_pixel(10, 37).0[0] > 190);
}

#[test]
fn metadata_go_and_pixels_stay_as_they_are() {
    let plain = file(slope(40, 20), ImageFormat::Jpeg);
    let forms = made(&jpeg_with_exif(&plain, 1), &[20]).unwrap();
    assert_eq!(forms.original, plain);

    let behind = [&plain[..], b"GPS of a second picture"].concat();
    assert_eq!(made(&behind, &[20]).unwrap().original, plain);

    let png = file(slope(40, 20), ImageFormat::Png);
    let mut chunk = b"eXIf".to_vec();
    chunk.extend(exif(1));
    let mut sum = crc(&chunk).to_be_bytes().to_vec();
    let length = ((chunk.len() - 4) as u32).to_be_bytes();
    let mut bearing = [&png[..33], &length, &chunk].concat();
    bearing.append(&mut sum);
    bearing.extend(&png[33..]);
    assert_eq!(made(&bearing, &[20]).unwrap().original, png);

    let webp = file(slope(40, 20), ImageFormat::WebP);
    let mut extended = b"VP8X\x0a\0\0\0\x0c\0\0\0\x27\0\0\x13\0\0".to_vec();
    extended.extend(&webp[12..]);
    let block = exif(1);
    extended.extend(b"EXIF");
    extended.extend((block.len() as u32).to_le_bytes());
    extended.extend(&block);
    extended.resize(extended.len().next_multiple_of(2), 0);
    extended.extend(b"XMP \x04\0\0\0<x/>");
    let size = ((extended.len() + 4) as u32).to_le_bytes();
    let bearing = [b"RIFF".as_slice(), &size, b"WEBP", &extended].concat();
    let clean = made(&bearing, &[20]).unwrap().original;
    assert!(
        holds(&bearing, b"GPS")
            && !holds(&clean, b"GPS")
            && !holds(&clean, b"EXIF")
            && !holds(&clean, b"XMP")
    );
    assert_eq!(decoded(&clean), decoded(&webp));
}

/// The checksum of a PNG chunk (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn a_picture_cut_short_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = file(slope(120, 80), format);
        for share in [3, 5, 9] {
            let cut = &whole[..whole.len() * share / 10];
            assert!(made(cut, &[32]).is_err(), "{format:?} cut at {share} tenths was taken");
        }
        assert!(made(&whole, &[32]).is_ok());
    }
    let jpeg = file(slope(120, 80), ImageFormat::Jpeg);
    assert_eq!(made(&jpeg[..jpeg.len() - 2], &[32]), Err(PictureError::Truncated));
}

#[test]
fn whatever_byte_is_wrong_the_answer_is_a_picture_or_an_error() {
    let mut files: Vec<Vec<u8>> = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif]
        .map(|format| file(slope(9, 5), format))
        .to_vec();
    files.push(jpeg_with_exif(&files[1], 8));
    files.push(made(&files[0], &[9]).unwrap().forms[0].bytes.clone());
    files.push(b"<svg width='1in' viewBox='0 0 2 1'><g fill='url(#a)'/>&#233;</svg>".to_vec());
    for whole in files {
        for at in 0..whole.len() {
            for wrong in [0, 0x7f, 0xff, whole[at] ^ 1] {
                let mut bytes = whole.clone();
                bytes[at] = wrong;
                inspect(&bytes, Limits::default()).ok();
                clean_svg(&bytes).ok();
            }
            inspect(&whole[..at], Limits::default()).ok();
        }
    }
}

#[test]
fn an_animation_is_left_as_it_is() {
    let mut gif = Vec::new();
    let frames = [0u8, 255].map(|red| Frame::new(RgbaImage::from_pixel(16, 8, Rgba([red, 0, 0, 255]))));
    GifEncoder::new(&mut gif).encode_frames(frames).unwrap();
    let forms = made(&gif, &[8]).unwrap();
    assert_eq!((forms.facts.kind, forms.facts.width, forms.forms.len()), (Kind::Gif, 16, 0));
    assert_eq!(forms.original, gif);
}

#[test]
fn a_drawing_is_cleaned_and_has_no_forms() {
    let drawing =
        b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 4'><!-- me --><path d='M0 0'/></svg>";
    let forms = made(drawing, &[8]).unwrap();
    assert_eq!((forms.facts.width, forms.facts.height, forms.forms.len()), (8, 4, 0));
    assert!(!holds(&forms.original, b"me"));
    let refused = made(b"<svg><script/></svg>", &[8]).unwrap_err();
    assert_eq!(refused.code(), "unsafe-svg");
}

#[test]
fn a_second_time_nothing_is_encoded() {
    let cache = TempDir::new().unwrap();
    let studio = Studio::new(cache.path().to_owned(), Limits::default());
    let photograph = jpeg_with_exif(&file(slope(40, 20), ImageFormat::Jpeg), 6);
    let first = studio.forms(&photograph, &[10]).unwrap();
    assert_eq!(studio.forms(&photograph, &[10]).unwrap(), first);

    fs::write(only_entry(cache.path()).join("10.webp"), b"from the cache").unwrap();
    let again = studio.forms(&photograph, &[10]).unwrap();
    assert_eq!(again.forms[1].bytes, b"from the cache");
    assert_eq!(again.original, first.original);

    fs::remove_file(only_entry(cache.path()).join("10.avif")).unwrap();
    assert_eq!(studio.forms(&photograph, &[10]).unwrap(), first);
    assert_eq!(studio.forms(&photograph, &[12]).unwrap().forms[0].width, 12);
}

fn only_entry(cache: &Path) -> std::path::PathBuf {
    let entries: Vec<_> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

#[test]
fn a_cache_that_cannot_be_written_costs_time_alone() {
    let cache = TempDir::new().unwrap();
    let occupied = cache.path().join("a-file");
    fs::write(&occupied, b"").unwrap();
    let studio = Studio::new(occupied, Limits::default());
    assert!(studio.forms(&file(slope(20, 10), ImageFormat::Png), &[10]).is_ok());
}

#[test]
fn many_threads_make_the_same_bytes() {
    let png = file(slope(160, 120), ImageFormat::Png);
    let alone = made(&png, &[80]).unwrap();
    let cache = TempDir::new().unwrap();
    let studio = Studio::new(cache.path().to_owned(), Limits::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| studio.forms(&png, &[80]).unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
    only_entry(cache.path());
}
