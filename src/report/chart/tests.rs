use super::*;
use crate::report::{fixture, words};

/// Where to leave pictures for a person to look at, by `SCENARIO_LOOK=DIR cargo test look`.
fn look(folder: &str, chart: &Chart) {
    if let Some(dir) = std::env::var_os("SCENARIO_LOOK") {
        let dir = std::path::Path::new(&dir).join(folder);
        std::fs::create_dir_all(&dir).expect("a folder to write to");
        let png = chart.png().expect("a picture");
        std::fs::write(dir.join(format!("{}.png", chart.name)), png).expect("a file");
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
        let picture = chart.png().expect("a picture");
        let decoder = png::Decoder::new(std::io::Cursor::new(&picture));
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
fn batch_sizes_have_a_chart_with_what_each_gains() {
    let mut run = fixture::mixed();
    let level = run.summary.scopes.iter().find(|scope| scope.key.step.is_some()).cloned();
    let level = level.expect("the ladder has levels");
    for (batch, tokens) in [(1, 100.0), (4, 380.0), (16, 900.0), (64, 870.0)] {
        let mut scope = level.clone();
        (scope.key.phase, scope.key.step) = ("batches".to_owned(), Some(format!("batch={batch}")));
        scope.batch = Some(batch);
        scope.rates.insert(crate::catalog::Metric::OutputTokensPerSecond, tokens);
        run.summary.scopes.push(scope);
    }
    let of_run = |run: &fixture::Run| {
        let charts = charts(&run.report()).expect("charts");
        charts.into_iter().find(|chart| chart.name == "throughput-batch").expect("a chart of batches")
    };
    let chart = of_run(&run);
    look("batches", &chart);
    for label in ["380 (3.8×)", "900 (9.0×)", "870 (8.7×)", "prompts per request"] {
        assert!(chart.svg.contains(label), "{label}");
    }

    // a second load: a legend in place of numbers at the points
    for mut scope in run.summary.scopes.clone() {
        if let (Some(batch), "batches") = (scope.batch, scope.key.phase.as_str()) {
            scope.key.step = Some(format!("users=4,batch={batch}"));
            run.summary.scopes.push(scope);
        }
    }
    let chart = of_run(&run);
    look("batches-of-loads", &chart);
    assert!(chart.svg.contains("batches · users=4") && !chart.svg.contains("380 (3.8×)"));
}

#[test]
fn every_phase_and_level_has_its_row_of_first_tokens() {
    let mut run = fixture::mixed();
    let level = run.summary.scopes.iter().find(|scope| scope.key.step.is_some()).cloned();
    let level = level.expect("the ladder has levels");
    for n in 0..12 {
        let mut scope = level.clone();
        (scope.key.phase, scope.key.step) = (format!("phase_{n}"), None);
        run.summary.scopes.push(scope);
    }
    let of_run = |run: &fixture::Run| {
        let chart = charts(&run.report()).expect("charts").remove(0);
        assert_eq!(chart.name, "ttft-distribution");
        chart
    };
    let chart = of_run(&run);
    look("many-phases", &chart);
    for name in ["mixed · thinker", "mixed · flash", "ladder · users=16", "phase_0", "phase_11"] {
        assert!(chart.svg.contains(name), "{name}");
    }
    assert!(!chart.svg.contains("in the tables"));
    // the paper grows with the rows, and both pictures with it
    let height = chart.scene.height;
    assert!(height > scene::HEIGHT, "{height}");
    assert!(chart.svg.contains(&format!("height=\"{}\"", height as u32 / 3)));
    let picture = chart.png().expect("a picture");
    let reader = png::Decoder::new(std::io::Cursor::new(&picture)).read_info().expect("a PNG");
    assert_eq!(reader.info().height, height as u32);

    for n in 12..40 {
        let mut scope = level.clone();
        (scope.key.phase, scope.key.step) = (format!("phase_{n}"), None);
        run.summary.scopes.push(scope);
    }
    assert!(of_run(&run).svg.contains("; 23 more in the tables"));
}

#[test]
fn the_chart_of_changes_has_a_row_for_each_metric_with_its_interval() {
    let mut comparison = fixture::compared(1.2);
    let chart = changes(&comparison).expect("a chart").expect("rows");
    look("changes", &chart);
    for row in &comparison.rows {
        assert!(chart.svg.contains(&format!("{} in {}", row.metric, row.scope)), "{}", row.metric);
        assert!(chart.svg.contains(&crate::report::changes::change(row.change)), "{}", row.metric);
    }
    for text in [
        "regressed",
        "equivalent",
        "with a target",
        "without a target",
        "the margin of 5.0 %",
        "main · ",
        "candidate · ",
    ] {
        assert!(chart.svg.contains(text), "{text}");
    }
    let picture = chart.png().expect("a picture");
    let reader = png::Decoder::new(std::io::Cursor::new(&picture)).read_info().expect("a PNG");
    assert_eq!((reader.info().width, reader.info().height), (2400, chart.scene.height as u32));

    // what has no place on the axis stands at its end, and what is no number has no row
    let rows = &mut comparison.rows;
    (rows[0].change, rows[0].change_low, rows[0].change_high) =
        (f64::INFINITY, Some(3.0), Some(f64::INFINITY));
    (rows[1].change, rows[1].change_low) = (0.0, None);
    rows[2].change = f64::NAN;
    let gone = format!("{} in {}", rows[2].metric, rows[2].scope);
    let svg = changes(&comparison).expect("a chart").expect("rows").svg;
    assert!(svg.contains("×∞") && svg.contains("−100.0 %") && !svg.contains(&gone));
    assert!(!svg.contains("NaN") && !svg.contains("2147483647") && !svg.contains("-2147483648"));

    let row = comparison.rows[0].clone();
    comparison.rows.extend(std::iter::repeat_n(row, 60));
    let svg = changes(&comparison).expect("a chart").expect("rows").svg;
    assert!(svg.contains("more rows in the table"));
    comparison.rows.clear();
    assert_eq!(changes(&comparison).expect("no chart"), None);
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
