//! What the page of 20 candidates costs to render, on one thread: `cargo bench -p fithire-matching --bench render`.
//!
//! The ratio to the same data as JSON, measured in the same run, is what can be compared between runs and machines.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fithire_kernel::page::{Pages, Shell, Templates};
use fithire_matching::{pages, testing};

const FRAME: Templates = &[
    ("base.html", include_str!("../../../app/templates/base.html")),
    ("components.html", include_str!("../../../app/templates/components.html")),
];

/// How often each is measured; the median counts.
const TIMES: usize = 501;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn median(mut work: impl FnMut()) -> Duration {
    let mut once = || {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    let mut times: Vec<Duration> = (0..TIMES).map(|_| once()).collect();
    times.sort_unstable();
    times[TIMES / 2]
}

fn main() {
    let site =
        Pages::new(&[FRAME, pages::TEMPLATES], &[("css", "/a.css"), ("js", "/a.js"), ("icon", "/a.svg")]);
    let (shell, page) = (Shell::default(), testing::candidates());
    let bytes = site.render(&shell, &page).map_or(0, |html| html.0.len());
    let html = median(|| drop(black_box(site.render(&shell, &page))));
    let json = median(|| drop(black_box(serde_json::to_string(&page))));
    println!("20 candidates as a page of {bytes} bytes: {} µs", html.as_micros());
    println!("the same data as JSON: {} µs", json.as_micros());
    println!("page / JSON: {:.1}", html.as_secs_f64() / json.as_secs_f64());
}
