//! Curves of scaling: loss against cost, and laws with the runs they foresee.
//!
//! Does not know: how a curve came about.

use outlay::response::{FittedLaw, ScalingFit, Sized};
use plotters::prelude::*;

/// Pixels.
const SIZE: (u32, u32) = (900, 560);
const COLORS: [RGBColor; 4] =
    [RGBColor(0x2a, 0x7f, 0x9e), RGBColor(0xb8, 0x5c, 0x2e), RGBColor(0x5a, 0x8a, 0x3c), RGBColor(0x7a, 0x52, 0x8f)];
/// Points of a curve.
const POINTS: usize = 60;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A drawing as SVG; an empty text if it could not be made.
fn svg(draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root)).and_then(|()| Ok(root.present()?))
    };
    if drawn.is_ok() { text } else { String::new() }
}

/// Loss against cost.
pub(crate) fn frontier(rows: &[Sized]) -> String {
    let points: Vec<(f64, &Sized)> = rows.iter().filter_map(|row| Some((row.cost_usd?.mid, row))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let (low, high) = (first.0 * 0.7, last.0 * 1.4);
    let bounds = points
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), (_, row)| (low.min(row.loss.low), high.max(row.loss.high)));
    svg(|root| {
        let mut chart = ChartBuilder::on(root)
            .caption("Loss against cost, compute-optimal models", ("sans-serif", 18))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d((low..high).log_scale(), bounds.0 - 0.05..bounds.1 + 0.05)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .x_desc("cost, USD")
            .y_desc("loss, nats a token")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .draw()?;
        let band: Vec<(f64, f64)> = points
            .iter()
            .map(|(cost, row)| (*cost, row.loss.low))
            .chain(points.iter().rev().map(|(cost, row)| (*cost, row.loss.high)))
            .collect();
        chart.draw_series([Polygon::new(band, COLORS[0].mix(0.15))])?;
        chart.draw_series(LineSeries::new(
            points.iter().map(|(cost, row)| (*cost, row.loss.mid)),
            COLORS[0].stroke_width(2),
        ))?;
        chart.draw_series(points.iter().map(|(cost, row)| {
            let name = format!("{:.1} B", row.params / 1e9);
            EmptyElement::at((*cost, row.loss.mid))
                + Circle::new((0, 0), 3, COLORS[0].filled())
                + Text::new(name, (6, -14), ("sans-serif", 11))
        }))?;
        Ok(())
    })
}

/// Each law at twenty tokens a parameter, and what was measured of what it foresees.
pub(crate) fn laws(found: &ScalingFit) -> String {
    let runs = || found.laws.iter().flat_map(|law| &law.foreseen);
    let most = runs().map(|run| run.params).fold(1e10, f64::max);
    let loss = |law: &FittedLaw, params: f64| {
        law.floor + law.a / params.powf(law.alpha) + law.b / (20.0 * params).powf(law.beta)
    };
    let curve = |law: &FittedLaw| -> Vec<(f64, f64)> {
        let step = (most / 1e7).ln() / (POINTS - 1) as f64;
        (0..POINTS).map(|at| 1e7 * (step * at as f64).exp()).map(|params| (params, loss(law, params))).collect()
    };
    let all: Vec<f64> =
        found.laws.iter().flat_map(curve).map(|point| point.1).chain(runs().map(|run| run.loss.mid)).collect();
    let bounds = all.iter().fold((f64::MAX, f64::MIN), |(low, high), loss| (low.min(*loss), high.max(*loss)));
    svg(|root| {
        let mut chart = ChartBuilder::on(root)
            .caption("Laws at 20 tokens a parameter; what was foreseen (ring) and measured (dot)", ("sans-serif", 18))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d((1e7..most * 1.2).log_scale(), bounds.0 - 0.1..bounds.1 + 0.1)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .x_desc("parameters")
            .y_desc("loss, nats a token")
            .x_label_formatter(&|x| format!("{x:.0e}"))
            .draw()?;
        for (law, color) in found.laws.iter().zip(COLORS.iter().cycle()) {
            let name = if law.corpus.is_empty() { "law" } else { law.corpus.as_str() };
            chart
                .draw_series(LineSeries::new(curve(law), color.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
            chart.draw_series(law.foreseen.iter().map(|run| Circle::new((run.params, run.loss.mid), 5, color)))?;
            let measured = law.foreseen.iter().filter_map(|run| Some((run.params, run.measured?)));
            chart.draw_series(measured.map(|place| Circle::new(place, 3, color.filled())))?;
        }
        chart.configure_series_labels().border_style(BLACK.mix(0.3)).background_style(WHITE.mix(0.8)).draw()?;
        Ok(())
    })
}
