//! Join codes as pictures (SPEC G5): QR codes for a terminal, a page and a printer.
//!
//! Pure: text in, text or bytes out. What the picture says, usually the address of a page that joins by
//! the code, is the caller's.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code, without which scanners do not find it (ISO/IEC 18004, 9.1).
const QUIET_MODULES: usize = 4;
/// Pixels of a picture's side, at most: a picture of a megapixel per byte of text helps nobody.
const SIDE_PIXELS_MAX: u32 = 4_096;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// More than a QR code holds.
    #[error("a QR code of this quality holds about {max} bytes, {have} are given")]
    TooLong {
        /// Bytes given.
        have: usize,
        /// Bytes there is room for.
        max: usize,
    },
    /// A module would be smaller than a pixel, or the picture larger than any use.
    #[error("a picture of this text is {min} to {max} pixels wide, {have} are asked for")]
    Size {
        /// Pixels asked for.
        have: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
}

/// Bytes that fit a code of medium error correction.
const TEXT_LEN_MAX: usize = 2_331;

/// A square of modules, quiet zone included.
struct Modules {
    side: usize,
    code: QrCode,
}

impl Modules {
    /// With medium error correction: a seventh of the picture may be lost.
    fn of(text: &str) -> Result<Self, PictureError> {
        let too_long = |_| PictureError::TooLong {
            have: text.len(),
            max: TEXT_LEN_MAX,
        };
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(too_long)?;
        let side = code.width() + 2 * QUIET_MODULES;
        Ok(Self { side, code })
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| {
            let at = at.checked_sub(QUIET_MODULES)?;
            (at < self.code.width()).then_some(at)
        };
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.code[(x, y)] == Color::Dark,
            _ => false,
        }
    }
}

/// The QR code of `text` for a terminal: half blocks, two rows of modules a line.
///
/// Drawn light on dark, as most terminals are.
pub fn text(text: &str) -> Result<String, PictureError> {
    let modules = Modules::of(text)?;
    let mut drawn = String::new();
    for y in (0..modules.side).step_by(2) {
        for x in 0..modules.side {
            let upper = modules.is_dark(x, y);
            let lower = modules.is_dark(x, y + 1);
            drawn.push(match (upper, lower) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        drawn.push('\n');
    }
    Ok(drawn)
}

/// The QR code of `text` as an SVG document of one path, a unit a module; it scales to any size.
pub fn svg(text: &str) -> Result<String, PictureError> {
    let modules = Modules::of(text)?;
    let side = modules.side;
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path fill=\"#000\" d=\""
    );
    for y in 0..side {
        let mut x = 0;
        while x < side {
            let dark = (x..side).take_while(|x| modules.is_dark(*x, y)).count();
            if dark > 0 {
                // Writing into a string cannot fail.
                let _ = write!(drawn, "M{x} {y}h{dark}v1h-{dark}z");
            }
            x += dark.max(1);
        }
    }
    drawn.push_str("\"/></svg>\n");
    Ok(drawn)
}

/// The QR code of `text` as a PNG file of grey pixels, `side` pixels wide and high.
///
/// Every module is as many whole pixels as fit; what is left over is margin.
pub fn png(text: &str, side: u32) -> Result<Vec<u8>, PictureError> {
    let modules = Modules::of(text)?;
    let min = u32::try_from(modules.side).unwrap_or(SIDE_PIXELS_MAX);
    if !(min..=SIDE_PIXELS_MAX).contains(&side) {
        let (have, max) = (side, SIDE_PIXELS_MAX);
        return Err(PictureError::Size { have, min, max });
    }
    let pixels = side as usize;
    let scale = pixels / modules.side;
    let margin = (pixels - modules.side * scale) / 2;
    let module = |at: usize| Some(at.checked_sub(margin)? / scale);
    let is_dark = |x: usize, y: usize| match (module(x), module(y)) {
        (Some(x), Some(y)) => modules.is_dark(x, y),
        _ => false,
    };
    let rows = (0..pixels).flat_map(|y| (0..pixels).map(move |x| (x, y)));
    let grey: Vec<u8> = rows
        .map(|(x, y)| if is_dark(x, y) { 0 } else { u8::MAX })
        .collect();
    Ok(encoded(side, &grey))
}

fn encoded(side: u32, grey: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(grey))
        .expect("as many pixels as the header says, written into memory");
    file
}
