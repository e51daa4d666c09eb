//! The levers as a tornado chart: one bar a lever, from its cheapest to its dearest step, the widest on top.
//!
//! The axis is a ratio to where the job stands, in logs, so that half and twice are equally far. Colour is not the only
//! carrier: steps that save stand left of the line, and each end says what it is.
//!
//! Does not know: how a step came about.

use outlay::response::{Lever, Standing};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::format::usd;

/// Bars drawn.
const BARS: usize = 24;
/// Pixels of a bar's row, of the margins above and below, and of the columns.
const ROW: i32 = 30;
const TOP: i32 = 64;
const BOTTOM: i32 = 40;
const NAMES: i32 = 190;
const WIDTH: i32 = 1100;
const SIDE: i32 = 210;
/// Ratio at which bars are cut off.
const MOST: f64 = 8.0;

const SAVES: RGBColor = RGBColor(0x2a, 0x7f, 0x9e);
const ADDS: RGBColor = RGBColor(0xb8, 0x5c, 0x2e);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0xbb, 0xbb, 0xbb);

/// One lever's cheapest and dearest step.
struct Bar<'a> {
    lever: &'a str,
    low: (f64, &'a str),
    high: (f64, &'a str),
}

/// The chart as SVG; an empty text if it could not be drawn.
pub(crate) fn chart(here: &Standing, levers: &[Lever]) -> String {
    let bars = bars(here, levers);
    let mut text = String::new();
    let drawn = draw(here, &bars, &mut text);
    if drawn.is_ok() { text } else { String::new() }
}

fn bars<'a>(here: &Standing, levers: &'a [Lever]) -> Vec<Bar<'a>> {
    let mut bars: Vec<Bar<'a>> = Vec::new();
    for lever in levers {
        let Some(after) = &lever.after else { continue };
        let ratio = (after.cost_usd.max(1e-9) / here.cost_usd.max(1e-9)).ln();
        let change = lever.change.as_str();
        match bars.iter_mut().find(|bar| bar.lever == lever.lever) {
            Some(bar) => {
                if ratio < bar.low.0 {
                    bar.low = (ratio, change);
                }
                if ratio > bar.high.0 {
                    bar.high = (ratio, change);
                }
            }
            None => {
                let none = (0.0, "");
                let (low, high) = if ratio < 0.0 { ((ratio, change), none) } else { (none, (ratio, change)) };
                bars.push(Bar { lever: &lever.lever, low, high });
            }
        }
    }
    bars.retain(|bar| bar.high.0 - bar.low.0 > 1e-3);
    bars.sort_by(|one, other| (other.high.0 - other.low.0).total_cmp(&(one.high.0 - one.low.0)));
    bars.truncate(BARS);
    bars
}

fn draw(here: &Standing, bars: &[Bar<'_>], text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let height = TOP + BOTTOM + ROW * bars.len().max(1) as i32;
    let root = SVGBackend::with_string(text, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = (NAMES + SIDE, WIDTH - SIDE);
    let middle = f64::from(left + right) / 2.0;
    let scale = f64::from(right - left) / 2.0 / MOST.ln();
    let at = |ratio: f64| (middle + ratio.clamp(-MOST.ln(), MOST.ln()) * scale).round() as i32;
    let label = |size: i32, across: HPos, color: &RGBColor| {
        ("sans-serif", size).into_font().color(color).pos(Pos::new(across, VPos::Center))
    };
    let title = format!("What moves the bill: {} on {}", usd(here.cost_usd), here.machines);
    root.draw(&Text::new(title, (12, 22), label(18, HPos::Left, &INK)))?;
    for factor in [0.125_f64, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let x = at(factor.ln());
        root.draw(&PathElement::new(
            vec![(x, TOP - 8), (x, height - BOTTOM + 4)],
            if factor == 1.0 { INK } else { FAINT },
        ))?;
        let name = if factor < 1.0 { format!("1/{:.0}", 1.0 / factor) } else { format!("×{factor:.0}") };
        root.draw(&Text::new(name, (x, height - BOTTOM + 16), label(12, HPos::Center, &INK)))?;
    }
    for (number, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * number as i32;
        let (top, bottom, centre) = (y + 5, y + ROW - 5, y + ROW / 2);
        root.draw(&Text::new(bar.lever.to_owned(), (12, centre), label(13, HPos::Left, &INK)))?;
        for (ratio, change, color, across, shift) in
            [(bar.low.0, bar.low.1, SAVES, HPos::Right, -6), (bar.high.0, bar.high.1, ADDS, HPos::Left, 6)]
        {
            if ratio == 0.0 {
                continue;
            }
            let x = at(ratio);
            root.draw(&Rectangle::new([(at(0.0).min(x), top), (at(0.0).max(x), bottom)], color.filled()))?;
            let end = if shift < 0 { x.min(at(0.0)) } else { x.max(at(0.0)) };
            let words: String = change.chars().take(34).collect();
            root.draw(&Text::new(words, (end + shift, centre), label(11, across, &INK)))?;
        }
    }
    root.present()?;
    Ok(())
}
