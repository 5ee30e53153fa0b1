//! The picture as SVG.

use std::fmt::Write;

use super::axis::Axis;
use super::chart::{Chart, Line};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 40.0;
/// Colours that are told apart also by those who see few (Okabe and Ito: Color universal design, 2008).
const COLOURS: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555"];
const DASHES: [&str; 3] = ["", "6 4", "2 3"];

/// Draws a chart.
pub(super) fn svg(chart: &Chart) -> String {
    let xs = chart.lines.iter().flat_map(|l| l.points.iter().map(|p| p.0));
    let x = Axis::of(xs.chain(chart.bands.iter().flat_map(|b| b.points.iter().map(|p| p.0))));
    let ys = chart.lines.iter().flat_map(|l| l.points.iter().filter_map(|p| p.1));
    let y = Axis::of(ys.chain(chart.bands.iter().flat_map(|b| b.points.iter().flat_map(|p| [p.1, p.2])))).wider(0.04);
    let mut canvas = Canvas { text: String::new(), x, y };
    canvas.frame(chart);
    for band in &chart.bands {
        canvas.band(&band.points, colour(band.series));
    }
    for line in &chart.lines {
        canvas.line(line);
    }
    for (x, y) in &chart.marks {
        let (x, y) = canvas.place(*x, *y);
        canvas.add(format_args!(
            "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"none\" stroke=\"#D00000\" stroke-width=\"2\"/>"
        ));
    }
    canvas.legend(chart);
    canvas.text.push_str("</svg>\n");
    canvas.text
}

fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

struct Canvas {
    text: String,
    x: Axis,
    y: Axis,
}

impl Canvas {
    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = self.text.write_fmt(part);
        self.text.push('\n');
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let right = LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT);
        (right, HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM))
    }

    fn frame(&mut self, chart: &Chart) {
        self.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"
        ));
        for (value, text) in self.y.ticks() {
            let (_, at) = self.place(0.0, value);
            let (end, baseline) = (WIDTH - RIGHT, at + 4.0);
            self.add(format_args!("<line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>"));
            let left = LEFT - 6.0;
            self.add(format_args!("<text x=\"{left}\" y=\"{baseline:.1}\" text-anchor=\"end\">{text}</text>"));
        }
        let ticks = if chart.times { self.x.times() } else { self.x.ticks() };
        for (value, text) in ticks {
            let (at, _) = self.place(value, 0.0);
            let below = HEIGHT - BOTTOM + 18.0;
            self.add(format_args!("<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{text}</text>"));
        }
        let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6.0);
        let name = escaped(&chart.x_name);
        self.add(format_args!("<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\" fill=\"#555\">{name}</text>"));
    }

    fn band(&mut self, points: &[(f64, f64, f64)], colour: &str) {
        if points.len() < 2 {
            // One step is a bar.
            for (x, low, high) in points {
                let ((x, bottom), (_, top)) = (self.place(*x, *low), self.place(*x, *high));
                self.add(format_args!(
                    "<line class=\"band\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.1}\" y2=\"{top:.1}\" stroke=\"{colour}\" \
                     stroke-opacity=\"0.4\" stroke-width=\"4\"/>"
                ));
            }
            return;
        }
        let above = points.iter().map(|(x, _, high)| self.place(*x, *high));
        let below = points.iter().rev().map(|(x, low, _)| self.place(*x, *low));
        let path: Vec<String> = above.chain(below).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let path = path.join(" ");
        self.add(format_args!("<polygon class=\"band\" points=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.16\"/>"));
    }

    fn line(&mut self, line: &Line) {
        let (colour, dashes) = (colour(line.series), DASHES[line.column % DASHES.len()]);
        for part in line.points.split(|p| p.1.is_none()) {
            let places = part.iter().filter_map(|(x, y)| Some(self.place(*x, (*y)?)));
            let places: Vec<String> = places.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            match places.as_slice() {
                [] => {}
                [one] => {
                    let (x, y) = one.split_once(',').unwrap_or(("0", "0"));
                    self.add(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"2\" fill=\"{colour}\"/>"));
                }
                many => {
                    let points = many.join(" ");
                    self.add(format_args!(
                        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" \
                         stroke-dasharray=\"{dashes}\"/>"
                    ));
                }
            }
        }
    }

    fn legend(&mut self, chart: &Chart) {
        for (i, line) in chart.lines.iter().enumerate() {
            let y = TOP + 14.0 + 16.0 * i as f64;
            let (from, to, text) = (LEFT + 8.0, LEFT + 32.0, LEFT + 38.0);
            let (colour, dashes) = (colour(line.series), DASHES[line.column % DASHES.len()]);
            self.add(format_args!(
                "<line x1=\"{from}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-dasharray=\"{dashes}\"/>"
            ));
            let (name, baseline) = (escaped(&line.name), y + 4.0);
            self.add(format_args!("<text x=\"{text}\" y=\"{baseline}\">{name}</text>"));
        }
    }
}

/// A text between tags.
fn escaped(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_control());
    visible.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
