//! A sheet of one ground and a few tones, whose edges fade from one to the other; written as an indexed PNG, a third
//! of the weight of a full-colour one. It knows nothing of what is drawn.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::{Kind, PictureError};

/// Steps from the ground, at 0, to a tone, at the last: finer than the eye sees on an edge.
const STEPS: u8 = 32;

/// A tone by its place in the list given to [`Sheet::png`], 7 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tone(pub(crate) u8);

/// Pixels as places in a palette: `tone * STEPS + step`.
pub(crate) struct Sheet {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Sheet {
    /// An empty sheet, in pixels.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![0; width as usize * height as usize] }
    }

    /// Fills a rectangle, clipped to the sheet.
    pub(crate) fn fill(&mut self, (left, top): (u32, u32), (width, height): (u32, u32), tone: Tone) {
        for y in top..top + height {
            for x in left..left + width {
                self.touch(x.into(), y.into(), tone, 1.0);
            }
        }
    }

    /// Covers a share of one pixel, from 0 to 1, unless it is covered more already; outside the sheet, nothing.
    pub(crate) fn touch(&mut self, x: i64, y: i64, tone: Tone, coverage: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let step = (coverage.clamp(0.0, 1.0) * f32::from(STEPS - 1)).round() as u8;
        let pixel = &mut self.pixels[y as usize * self.width as usize + x as usize];
        if step > *pixel % STEPS {
            *pixel = tone.0 * STEPS + step;
        }
    }

    /// The sheet as PNG, in these colours (sRGB).
    ///
    /// # Errors
    /// [`PictureError::Codec`] from the encoder.
    pub(crate) fn png(&self, ground: [u8; 3], tones: &[[u8; 3]]) -> Result<Vec<u8>, PictureError> {
        let shares = |tone: &[u8; 3]| {
            let tone = *tone;
            (0..STEPS).flat_map(move |step| mixed(ground, tone, f32::from(step) / f32::from(STEPS - 1)))
        };
        let palette: Vec<u8> = tones.iter().flat_map(shares).collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(palette);
        encoder.set_compression(Compression::High);
        encoder.set_filter(Filter::NoFilter);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.pixels)?;
            writer.finish()
        });
        written.map_err(|error| PictureError::codec(Kind::Png, error))?;
        Ok(bytes)
    }
}

/// `share` of one colour laid over another.
pub(crate) fn mixed(under: [u8; 3], over: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|channel| {
        let (under, over) = (f32::from(under[channel]), f32::from(over[channel]));
        (under + (over - under) * share).round() as u8
    })
}
