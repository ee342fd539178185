use super::*;
use crate::report::{fixture, words};

/// Where to leave pictures for a person to look at, by `SCENARIO_LOOK=DIR cargo test look`.
fn look(folder: &str, chart: &Chart) {
    if let Some(dir) = std::env::var_os("SCENARIO_LOOK") {
        let dir = std::path::Path::new(&dir).join(folder);
        std::fs::create_dir_all(&dir).expect("a folder to write to");
        std::fs::write(dir.join(format!("{}.png", chart.name)), &chart.png).expect("a file");
        std::fs::write(dir.join(format!("{}.svg", chart.name)), &chart.svg).expect("a file");
    }
}

#[test]
fn every_chart_is_a_png_at_300_dpi_and_an_svg_that_name_the_hardware() {
    let run = fixture::mixed();
    let report = run.report();
    let charts = charts(&report).expect("charts of a full run");
    let names: Vec<_> = charts.iter().map(|chart| chart.name).collect();
    assert_eq!(
        names,
        ["ttft-distribution", "tokens-over-time", "throughput-latency", "tokens-over-sequence"]
    );
    for chart in &charts {
        look("mixed", chart);
        let decoder = png::Decoder::new(std::io::Cursor::new(&chart.png));
        let reader = decoder.read_info().expect("a PNG");
        let info = reader.info();
        assert_eq!((info.width, info.height), (2400, 1500));
        assert_eq!(info.pixel_dims.map(|dims| dims.xppu), Some(11_811));
        assert!(chart.svg.contains("width=\"800\" height=\"500\""), "{}", chart.name);
        assert!(chart.svg.contains(&words::hardware(&report)), "{}", chart.name);
        assert!(chart.svg.contains("describe no hardware"), "{}", chart.name);
        assert!(!chart.svg.contains("NaN") && !chart.svg.contains("2147483647"), "{}", chart.name);
    }
}

#[test]
fn without_steps_the_trade_off_is_per_request() {
    let run = fixture::quiet();
    let report = run.report();
    let charts = charts(&report).expect("charts of a quiet run");
    assert_eq!(charts.len(), 4);
    for chart in &charts {
        look("quiet", chart);
        assert!(!chart.svg.contains("simulated"), "{}", chart.name);
    }
    assert!(charts[2].svg.contains("a point per successful request"));
}

#[test]
fn a_chart_without_data_is_left_out() {
    assert_eq!(charts(&fixture::dead().report()).expect("nothing to draw").len(), 0);
}

#[test]
fn names_from_the_plan_are_escaped() {
    let mut run = fixture::mixed();
    run.plan.label = "<b>&\"".to_owned();
    for sketch in sketches(&run.report()) {
        let svg = render::svg(sketch.name, &sketch.scene).expect("an SVG");
        assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;&amp;&quot;"), "{}", sketch.name);
    }
}
