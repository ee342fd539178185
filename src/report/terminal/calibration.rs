//! What a machine can do, as one screen of text.

use super::{BAD, BOLD, DIM, GOOD, Grid, Style, behind, indented, wrap};
use crate::{
    machine::{
        Calibration,
        calibration::{Identity, Requests, Streams},
    },
    report::words,
    units::{show_count_of, show_number, show_seconds, show_share},
};

/// A calibration as tables: streams, requests, lateness and stamps, with a line end after every line.
pub fn calibration(calibration: &Calibration, style: Style) -> String {
    let Calibration { machine: Identity { os, kernel, cpu, cores }, form, took_s, nice, .. } = calibration;
    let cpu = if cpu.is_empty() { "unknown CPU" } else { cpu };
    let about = format!(
        "{cpu}, {} · {os} {kernel} · {} form, {}",
        show_count_of(u64::from(*cores), "core"),
        form.name(),
        show_seconds(*took_s)
    );
    let mut lines = vec![style.paint(BOLD, "calibration")];
    lines.extend(wrap(&about, style.width).iter().map(|line| style.paint(DIM, line)));
    let mut section = |heading: &str, found: &str, rows: Vec<String>| {
        lines.push(String::new());
        lines.extend(behind(heading, found, style));
        lines.extend(rows);
    };
    section("streams", &words::streams(calibration), streams(&calibration.streams, style));
    section("requests", &words::requests(calibration), requests(&calibration.requests, style));
    if !calibration.lag.is_empty() {
        section("lateness", "of sending, beside a thread that only sleeps until a time", lag(calibration));
    }
    section("arrival times", &stamps(calibration), Vec::new());
    lines.push(String::new());
    let priority = match nice {
        Some(..0) => "with raised priority",
        Some(_) => "without raised priority, which the system did not allow",
        None => "with the priority that the system gave",
    };
    let rest = format!(
        "The server ran beside it on the same processors, so this is what is left beside one; threads that measure ran \
         {priority}."
    );
    lines.extend(indented(&rest, 0, style).iter().map(|line| style.paint(DIM, line)));
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// The lines of a table whose last column says what was held.
fn tried(mut grid: Grid, faults: &[&str], style: Style) -> Vec<String> {
    grid.right(&[1, 2, 3, 4, 5]);
    if faults.is_empty() {
        return Vec::new();
    }
    grid.drop_empty();
    let mut lines = grid.lines_with_header();
    let mut shown = vec![style.paint(DIM, &lines.next().unwrap_or_default())];
    for (line, fault) in lines.zip(faults) {
        let (color, sign) = if fault.is_empty() { (GOOD, "✓") } else { (BAD, "✗") };
        shown.push(line.replacen(sign, &style.paint(color, sign), 1));
        shown.extend(
            indented(fault, 4, style)
                .iter()
                .filter(|line| !line.trim().is_empty())
                .map(|line| style.paint(DIM, line)),
        );
    }
    shown
}

fn sign(held: bool) -> String {
    if held { "✓" } else { "✗" }.to_owned()
}

fn streams(streams: &Streams, style: Style) -> Vec<String> {
    let mut grid = Grid::new(&["  ", "streams", "error p50", "p99", "bounded", "CPU a token"]);
    for tried in &streams.tried {
        grid.row([
            format!("  {}", sign(tried.held)),
            tried.streams.to_string(),
            micros(tried.error_p50_us),
            micros(tried.error_p99_us),
            show_share(tried.bounded_share),
            tried.cpu_per_token_us.map(micros).unwrap_or_default(),
        ]);
    }
    let faults: Vec<&str> = streams.tried.iter().map(|tried| tried.fault.as_str()).collect();
    tried(grid, &faults, style)
}

fn requests(requests: &Requests, style: Style) -> Vec<String> {
    let mut grid = Grid::new(&["  ", "per second", "lag p50", "p99", "", ""]);
    for tried in &requests.tried {
        grid.row([
            format!("  {}", sign(tried.held)),
            show_number(tried.rate),
            micros(tried.send_lag_p50_us),
            micros(tried.send_lag_p99_us),
            String::new(),
            String::new(),
        ]);
    }
    let faults: Vec<&str> = requests.tried.iter().map(|tried| tried.fault.as_str()).collect();
    tried(grid, &faults, style)
}

fn lag(calibration: &Calibration) -> Vec<String> {
    let mut grid = Grid::new(&["  ", "per second", "lag p50", "p99", "timer p50", "p99"]);
    grid.right(&[1, 2, 3, 4, 5]);
    for lag in &calibration.lag {
        grid.row([
            "   ".to_owned(),
            show_number(lag.rate),
            micros(lag.send_lag_p50_us),
            micros(lag.send_lag_p99_us),
            micros(lag.timer_p50_us),
            micros(lag.timer_p99_us),
        ]);
    }
    grid.lines_with_header().collect()
}

fn stamps(calibration: &Calibration) -> String {
    let Some(stamps) = &calibration.stamps else { return "not known: no stream came through".to_owned() };
    format!(
        "of {}: {} off at the median and {} at p99 by the kernel, {} and {} by the time behind the read",
        show_count_of(stamps.streams.into(), "stream"),
        micros(stamps.kernel_p50_us),
        micros(stamps.kernel_p99_us),
        micros(stamps.user_p50_us),
        micros(stamps.user_p99_us),
    )
}

fn micros(us: f64) -> String {
    show_seconds(us / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::calibration::{TriedRate, TriedStreams, fixture};

    #[test]
    fn a_calibration_as_one_screen() {
        let mut known = fixture::calibration(Some(400), Some(4000.0));
        let tried = |streams, error_p99_us, fault: &str| TriedStreams {
            streams,
            error_p50_us: 8.0,
            error_p99_us,
            bounded_share: 0.012,
            cpu_per_token_us: Some(3.25),
            held: fault.is_empty(),
            fault: fault.to_owned(),
        };
        known.streams.tried =
            vec![tried(400, 41.0, ""), tried(800, 2300.0, "arrival times are 2.30 ms off at p99")];
        let tried = |rate, send_lag_p99_us, fault: &str| TriedRate {
            rate,
            send_lag_p50_us: 60.0,
            send_lag_p99_us,
            held: fault.is_empty(),
            fault: fault.to_owned(),
        };
        known.requests.tried =
            vec![tried(4000.0, 210.0, ""), tried(8000.0, 1800.0, "`send_lag.p99` is 1.80 ms")];
        insta::assert_snapshot!(calibration(&known, Style { color: false, width: 100 }));
    }

    #[test]
    fn a_machine_that_can_do_nothing() {
        let mut known = fixture::calibration(None, None);
        (known.streams.failed, known.requests.failed) = (Some(50), Some(125.0));
        (known.stamps, known.nice, known.lag) = (None, None, Vec::new());
        known.machine.cpu.clear();
        insta::assert_snapshot!(calibration(&known, Style { color: false, width: 100 }));
    }
}
