//! Scenes → PNG and SVG, by `plotters` with an embedded font.

use std::sync::Once;

use plotters::{
    backend::{BitMapBackend, DrawingBackend, SVGBackend},
    style::{
        Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    ChartError,
    scene::{Anchor, Color, Marker, PAPER, Scene, Shape, Text, WIDTH},
};

/// `DejaVu Sans`, reduced to the characters that charts need; its licence lies beside it.
static REGULAR: &[u8] = include_bytes!("../assets/fonts/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("../assets/fonts/DejaVuSans-Bold.ttf");

/// The name under which the font is registered and which an SVG asks for.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Width and height of a picture.
fn pixels_of(scene: &Scene) -> (u32, u32) {
    (WIDTH as u32, scene.height as u32)
}

/// How a backend places text, which differs between them.
#[derive(Clone, Copy)]
struct Placing {
    /// Its font size for an em of 1.
    size: f64,
    /// From the position that it takes (the top) down to the baseline, for an em of 1.
    baseline: f64,
    /// Whether thick lines need their joints rounded: the bitmap backend draws spikes at sharp angles.
    joints: bool,
}

/// The bitmap backend scales to ascent plus descent, 1.164 em in this font, and puts the baseline half of that down.
const BITMAP: Placing = Placing { size: 1.164, baseline: 0.582, joints: true };
/// The SVG backend divides by 1.24 and moves text by 0.76 em.
const VECTOR: Placing = Placing { size: 1.24, baseline: 0.76, joints: false };

fn font(bold: bool, size: f64) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            // an unusable font shows as an error of the first text drawn
            let _ = register_font(FAMILY, style, bytes);
        }
    });
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// Pixels that a text takes.
pub(super) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    font(bold, size * BITMAP.size).box_size(text).map_or(0.0, |(width, _)| f64::from(width))
}

/// The picture as PNG, marked as 300 dpi.
pub(super) fn png(chart: &'static str, scene: &Scene) -> Result<Vec<u8>, ChartError> {
    let size = pixels_of(scene);
    let mut pixels = vec![0; (size.0 * size.1 * 3) as usize];
    {
        let mut backend = BitMapBackend::with_buffer(&mut pixels, size);
        draw(scene, &mut backend, BITMAP).map_err(|reason| ChartError::Draw { chart, reason })?;
    }
    let mut bytes = Vec::new();
    encode(&pixels, size, &mut bytes).map_err(|source| ChartError::Encode { chart, source })?;
    Ok(bytes)
}

fn encode(pixels: &[u8], size: (u32, u32), bytes: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    /// 300 per inch.
    const PER_METRE: u32 = 11_811;
    let mut encoder = png::Encoder::new(bytes, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: PER_METRE,
        yppu: PER_METRE,
        unit: png::Unit::Meter,
    }));
    encoder.write_header()?.write_image_data(pixels)
}

/// The picture as SVG; a unit of CSS is three pixels.
pub(super) fn svg(chart: &'static str, scene: &Scene) -> Result<String, ChartError> {
    let (width, height) = pixels_of(scene);
    let mut text = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut text, (width, height));
        draw(scene, &mut backend, VECTOR).map_err(|reason| ChartError::Draw { chart, reason })?;
    }
    Ok(text.replacen(
        &format!("width=\"{width}\" height=\"{height}\""),
        &format!("width=\"{}\" height=\"{}\"", width / 3, height / 3),
        1,
    ))
}

fn rgb(color: Color) -> RGBColor {
    RGBColor(color.0, color.1, color.2)
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn draw<B: DrawingBackend>(scene: &Scene, backend: &mut B, placing: Placing) -> Result<(), String> {
    let mut pen = Pen { backend, placing };
    let (right, bottom) = (WIDTH, scene.height);
    pen.area(&[(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)], PAPER, 1.0)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Area { points, color, opacity } => pen.area(points, *color, *opacity)?,
            Shape::Path { points, color, width, dash } => {
                for stroke in dash.cut(points, *width) {
                    pen.line(&stroke, *color, *width)?;
                }
            }
            Shape::Point { at, marker, size, color, filled } => {
                pen.point(*at, *marker, *size, *color, *filled)?;
            }
            Shape::Text(text) => pen.text(text)?,
        }
    }
    pen.backend.present().map_err(|error| error.to_string())
}

struct Pen<'a, B> {
    backend: &'a mut B,
    placing: Placing,
}

impl<B: DrawingBackend> Pen<'_, B> {
    fn area(&mut self, points: &[(f64, f64)], color: Color, opacity: f64) -> Result<(), String> {
        let points: Vec<_> = points.iter().copied().map(pixel).collect();
        let style = rgb(color).mix(opacity);
        // an upright rectangle is drawn as one: it has no edges to smooth
        if let [a, b, c, d] = points[..]
            && a.1 == b.1
            && b.0 == c.0
            && c.1 == d.1
            && d.0 == a.0
        {
            return self.backend.draw_rect(a, c, &style, true).map_err(|error| error.to_string());
        }
        self.backend.fill_polygon(points, &style).map_err(|error| error.to_string())
    }

    fn line(&mut self, points: &[(f64, f64)], color: Color, width: f64) -> Result<(), String> {
        let points: Vec<_> = points.iter().copied().map(pixel).collect();
        let style = rgb(color).stroke_width(width.round() as u32);
        if !self.placing.joints {
            return self.backend.draw_path(points, &style).map_err(|error| error.to_string());
        }
        for pair in points.windows(2) {
            if pair[0] != pair[1] {
                self.backend.draw_path(pair.iter().copied(), &style).map_err(|error| error.to_string())?;
            }
        }
        for joint in points.iter().skip(1).take(points.len().saturating_sub(2)) {
            self.disc(*joint, (width / 2.0).floor(), color)?;
        }
        Ok(())
    }

    fn disc(&mut self, at: (i32, i32), radius: f64, color: Color) -> Result<(), String> {
        self.backend
            .draw_circle(at, radius.round() as u32, &rgb(color).filled(), true)
            .map_err(|error| error.to_string())
    }

    fn point(
        &mut self,
        at: (f64, f64),
        marker: Marker,
        size: f64,
        color: Color,
        filled: bool,
    ) -> Result<(), String> {
        let stroke = (size / 3.0).max(3.0);
        let corners = |around: &[(f64, f64)]| {
            around.iter().map(|(x, y)| (at.0 + x * size, at.1 + y * size)).collect::<Vec<_>>()
        };
        let outline = match marker {
            Marker::Circle => {
                self.disc(pixel(at), size, color)?;
                if !filled {
                    self.disc(pixel(at), size - stroke, PAPER)?;
                }
                return Ok(());
            }
            Marker::Cross => {
                self.line(&corners(&[(-0.8, -0.8), (0.8, 0.8)]), color, stroke)?;
                return self.line(&corners(&[(-0.8, 0.8), (0.8, -0.8)]), color, stroke);
            }
            Marker::Triangle => corners(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            Marker::Square => corners(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Marker::Diamond => corners(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        };
        if filled {
            return self.area(&outline, color, 1.0);
        }
        self.area(&outline, PAPER, 1.0)?;
        let closed: Vec<_> = outline.iter().chain(outline.iter().take(2)).copied().collect();
        self.line(&closed, color, stroke)
    }

    fn text(&mut self, text: &Text) -> Result<(), String> {
        let Text { at, words, size, color, bold, anchor, upwards } = text;
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font = font(*bold, size * self.placing.size);
        let (font, at) = if *upwards {
            (font.transform(FontTransform::Rotate270), (at.0 - size * self.placing.baseline, at.1))
        } else {
            (font, (at.0, at.1 - size * self.placing.baseline))
        };
        let ink = rgb(*color);
        let style = TextStyle::from(font).color(&ink).pos(Pos::new(h_pos, VPos::Top));
        self.backend.draw_text(words, &style, pixel(at)).map_err(|error| error.to_string())
    }
}
