//! The medians as a picture: a column a shape, a bar a system, every round a dot on it.
//!
//! Bars of one panel share a scale that begins at 0, and each says its figure, so that nothing is read
//! off an axis. Memory hardly depends on the shape and is drawn once.

use std::fmt::Write as _;

use super::report::{PeerReport, Report, ShapeReport};
use super::round::Round;
use super::system::{Protection, System};

const WIDTH: f64 = 1_000.0;
const MARGIN: f64 = 28.0;
/// Room for the systems' names, at the left of every row of panels.
const NAMES: f64 = 172.0;
const COLUMN_GAP: f64 = 28.0;
/// Room behind a bar for its figure.
const FIGURE: f64 = 58.0;
const BAR: f64 = 15.0;
const BAR_PITCH: f64 = 22.0;
/// From the top of a panel to its first bar: what it shows, and of which shape.
const PANEL_HEAD: f64 = 52.0;
const PANEL_GAP: f64 = 22.0;
const HEAD: f64 = 104.0;
const FOOT: f64 = 62.0;

const STYLE: &str = "
    .paper { fill: #ffffff; stroke: #d0d7de }
    .title { fill: #1f2328; font-size: 20px; font-weight: 600 }
    .panel { fill: #1f2328; font-size: 14px; font-weight: 600 }
    .name { fill: #1f2328; font-size: 13px }
    .note { fill: #57606a; font-size: 12px }
    .axis { stroke: #d0d7de }
    .ours { fill: #0969da }
    .encrypted { fill: #57606a }
    .plaintext { fill: #afb8c1 }
    .limit { fill: #eac54f }
    .round { fill: #ffffff; stroke: #1f2328; stroke-width: 0.8 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117; stroke: #30363d }
      .title, .panel, .name { fill: #e6edf3 }
      .note { fill: #9ea7b0 }
      .axis { stroke: #30363d }
      .ours { fill: #58a6ff }
      .encrypted { fill: #9ea7b0 }
      .plaintext { fill: #57606a }
      .limit { fill: #bb8009 }
      .round { fill: #0d1117; stroke: #e6edf3 }
    }
";

/// What a row of panels shows.
#[derive(Clone, Copy)]
struct Panel {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    figure: fn(&Round) -> Option<f64>,
    /// A panel for each shape, or one for all.
    per_shape: bool,
    /// Whether client-bound rounds say little of it.
    mark_client_bound: bool,
}

const PANELS: [Panel; 3] = [
    Panel {
        name: "Server CPU per delivery",
        unit: "µs",
        digits: 2,
        figure: |round| round.server_cpu_us_per_delivery,
        per_shape: true,
        mark_client_bound: false,
    },
    Panel {
        name: "Latency to the last recipient, p99",
        unit: "ms",
        digits: 1,
        figure: |round| Some(round.last_recipient_latency_us.p99 as f64 / 1_000.0),
        per_shape: true,
        mark_client_bound: true,
    },
    Panel {
        name: "Server memory per connection",
        unit: "KiB",
        digits: 1,
        figure: |round| round.rss_kib_per_connection,
        per_shape: false,
        mark_client_bound: false,
    },
];

/// Draws all shapes of a report.
pub(super) fn draw(report: &Report) -> String {
    let shapes = &report.shapes;
    let columns = shapes.len().max(1) as f64;
    let column = (WIDTH - 2.0 * MARGIN - NAMES - (columns - 1.0) * COLUMN_GAP) / columns;
    let mut body = String::new();
    let mut y = HEAD;
    for panel in &PANELS {
        let drawn = if panel.per_shape { shapes.len() } else { 1 };
        let mut below = y;
        for (number, shape) in shapes.iter().take(drawn).enumerate() {
            let x = MARGIN + NAMES + number as f64 * (column + COLUMN_GAP);
            let names = number == 0;
            below = below.max(panel.draw(&mut body, shape, (x, y), column, names));
        }
        y = below + PANEL_GAP;
    }
    let height = y - PANEL_GAP + FOOT;
    let mut out = String::new();
    head(&mut out, report, height);
    out += &body;
    let marked = "* client-bound: clients and server took over 80 % of all processors, so this is the \
                  machine's latency. Dots are single rounds, bars their median.";
    let feet = [(36.0, marked), (18.0, &versions(report))];
    for (from_bottom, line) in feet {
        text(
            &mut out,
            (MARGIN, height - from_bottom),
            "note",
            "start",
            line,
        );
    }
    out += "</svg>\n";
    out
}

/// The beginning of the picture: what it is, of which machine, and which colour is what.
fn head(out: &mut String, report: &Report, height: f64) {
    let title = "What a delivery costs, side by side";
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif\">\n  \
         <title id=\"title\">{title}</title>\n  <style>{STYLE}  </style>\n  \
         <rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        WIDTH - 1.0,
        height - 1.0
    );
    text(out, (MARGIN, 36.0), "title", "start", title);
    let machine = &report.machine;
    let connections = report.shapes.first().map_or(0, |it| it.load.subscribers);
    let subtitle = format!(
        "{connections} subscribers in one group, loopback, {}, {}",
        machine.processors(),
        machine.kernel
    );
    text(out, (MARGIN, 57.0), "note", "start", &subtitle);
    let mut x = MARGIN;
    for (class, name) in [
        ("ours", "Throng: encrypted, rules checked, log synced"),
        ("encrypted", "encrypted"),
        ("plaintext", "plaintext"),
        ("limit", "the limit: sealing and sending, no protocol"),
    ] {
        bar(out, class, (x, 71.0), 12.0, 12.0);
        text(out, (x + 18.0, 81.5), "note", "start", name);
        x += 18.0 + 6.3 * name.len() as f64 + 22.0;
    }
}

/// Which software the figures are of, each once.
fn versions(report: &Report) -> String {
    let mut all = Vec::new();
    for peer in report.shapes.iter().flat_map(|shape| &shape.peers) {
        let version = format!("{} {}", peer.system.software(), peer.version);
        if !all.contains(&version) {
            all.push(version);
        }
    }
    all.join(", ")
}

impl Panel {
    /// Draws the bars of one shape and says where the panel ends.
    fn draw(
        &self,
        out: &mut String,
        shape: &ShapeReport,
        (x, y): (f64, f64),
        width: f64,
        names: bool,
    ) -> f64 {
        if names {
            let name = format!("{}, {}", self.name, self.unit);
            text(out, (MARGIN, y + 16.0), "panel", "start", &name);
        }
        if self.per_shape {
            let of = shape.load.shape.name();
            text(
                out,
                (x, y + 38.0),
                "note",
                "start",
                &format!("{of}: {}", pace(shape)),
            );
        }
        let top = y + if self.per_shape {
            PANEL_HEAD
        } else {
            PANEL_HEAD - 22.0
        };
        let rounds = shape.peers.iter().flat_map(|peer| &peer.rounds);
        let most = rounds.filter_map(self.figure).fold(0.0, f64::max).max(1e-9);
        let scale = (width - FIGURE) / most;
        for (number, peer) in shape.peers.iter().enumerate() {
            let middle = top + number as f64 * BAR_PITCH + BAR_PITCH / 2.0;
            if names {
                let name = peer.system.label();
                text(out, (x - 10.0, middle + 4.5), "name", "end", name);
            }
            self.draw_bar(out, peer, (x, middle), scale);
        }
        let bottom = top + shape.peers.len() as f64 * BAR_PITCH;
        let _ = writeln!(
            out,
            "  <line class=\"axis\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
        );
        bottom
    }

    fn draw_bar(&self, out: &mut String, peer: &PeerReport, (x, middle): (f64, f64), scale: f64) {
        let median = peer.median.as_ref();
        let Some(value) = median.and_then(self.figure) else {
            text(out, (x + 6.0, middle + 4.5), "note", "start", "no figure");
            return;
        };
        let class = class_of(peer.system);
        bar(out, class, (x, middle - BAR / 2.0), scale * value, BAR);
        let values = peer.rounds.iter().filter_map(self.figure);
        let mut end = value;
        for value in values {
            end = end.max(value);
            let at = x + scale * value;
            let _ = writeln!(
                out,
                "  <circle class=\"round\" cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"2.2\"/>"
            );
        }
        let bound =
            self.mark_client_bound && median.is_some_and(|it| it.client_bound == Some(true));
        let mark = if bound { " *" } else { "" };
        let figure = format!("{value:.digits$}{mark}", digits = self.digits);
        let at = (x + scale * end + 7.0, middle + 4.5);
        text(out, at, "name", "start", &figure);
    }
}

/// How the messages of a shape come, in a few words.
fn pace(shape: &ShapeReport) -> String {
    let load = &shape.load;
    let pace = match load.rate_per_s > 0.0 {
        true => format!("{:.0} messages/s", load.rate_per_s),
        false => format!("window of {}", load.window),
    };
    format!("{pace}, {} bytes", load.payload_bytes)
}

fn class_of(system: System) -> &'static str {
    match (system, system.protection()) {
        (System::Throng, _) => "ours",
        (System::Floor, _) => "limit",
        (_, Protection::Encrypted) => "encrypted",
        (_, Protection::Plaintext) => "plaintext",
    }
}

fn bar(out: &mut String, class: &str, (x, y): (f64, f64), width: f64, height: f64) {
    let _ = writeln!(
        out,
        "  <rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\"/>"
    );
}

fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{peer, round};
    use super::super::shape::Shape;
    use super::*;
    use crate::measure::{Machine, Percentiles};

    fn report(peers: Vec<PeerReport>) -> Report {
        Report {
            machine: Machine {
                cpus: 2,
                apart: false,
                model: "Fast & <Small>".to_owned(),
                kernel: "linux 6.18".to_owned(),
                filesystem: "ext4".to_owned(),
                fdatasync_us: Percentiles { p50: 1, p99: 2 },
            },
            skipped: Vec::new(),
            shapes: vec![ShapeReport::new(Shape::Lone.load(2_000, 10.0, 20.0), peers)],
        }
    }

    #[test]
    fn each_system_has_a_bar_for_each_figure_and_each_round_a_dot() {
        let rounds = vec![round(8.0, 9_000), round(7.5, 8_000), round(8.2, 9_500)];
        let peers = vec![
            peer(System::Throng, rounds.clone()),
            peer(System::Redis, rounds),
        ];
        let drawing = draw(&report(peers));
        assert!(drawing.contains(">Throng 1.2.3, Redis 1.2.3</text>"));
        // One of each colour is the legend's.
        assert_eq!(drawing.matches("<rect class=\"ours\"").count(), 1 + 3);
        assert_eq!(drawing.matches("<rect class=\"plaintext\"").count(), 1 + 3);
        assert_eq!(drawing.matches("<circle").count(), 2 * 3 * 3);
        assert!(drawing.contains(">8.00</text>") && drawing.contains(">9.0</text>"));
    }

    #[test]
    fn names_from_outside_cannot_break_the_picture() {
        let drawing = draw(&report(Vec::new()));
        assert!(drawing.contains("Fast &amp; &lt;Small>"));
    }

    #[test]
    fn a_client_bound_latency_is_marked_and_a_missing_figure_said() {
        let mut bound = round(8.0, 9_000);
        bound.client_bound = Some(true);
        bound.rss_kib_per_connection = None;
        let drawing = draw(&report(vec![peer(System::Quinn, vec![bound])]));
        assert!(drawing.contains(">9.0 *</text>") && drawing.contains(">8.00</text>"));
        assert!(drawing.contains(">no figure</text>"));
    }
}
