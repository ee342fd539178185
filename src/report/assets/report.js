// Draws the interactive charts of a report from the data inside the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const DASHES = [[], [10, 5], [3, 4], [12, 5, 3, 5]];
  const HEIGHT = 320;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const seriesColor = (i) => color(`--s${i % 6}`);
  const show = (digits) => (u, value) => (value == null ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits }));

  const axis = (label, more) => ({
    label,
    stroke: color("--ink"),
    grid: { stroke: color("--grid"), width: 1 },
    ticks: { stroke: color("--grid"), width: 1 },
    labelSize: 26,
    labelFont: "13px system-ui, sans-serif",
    font: "12px system-ui, sans-serif",
    size: 58,
    ...more,
  });
  const bottom = (label, more) => axis(label, { size: 30, ...more });
  const dots = () => ({ show: true, size: 8, fill: color("--card") });
  const line = (label, i, more) => ({
    label, stroke: seriesColor(i), width: 2, dash: DASHES[i % 4], points: { show: false }, value: show(1), ...more,
  });

  // the phases behind the curves, named at their head; warm-up is hatched; spikes, and how long they were felt, are shaded
  const phases = {
    drawAxes: [(u) => {
      const { ctx } = u, { top, height, left, width } = u.bbox, ratio = devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top, width, height);
      ctx.clip();
      data.phases.forEach((phase, i) => {
        const from = u.valToPos(phase.from, "x", true), to = u.valToPos(phase.to, "x", true);
        if (i % 2 === 0) {
          ctx.fillStyle = color("--band");
          ctx.fillRect(from, top, to - from, height);
        }
        if (!phase.measured) {
          ctx.save();
          ctx.beginPath();
          ctx.rect(from, top, to - from, height);
          ctx.clip();
          ctx.strokeStyle = color("--grid");
          ctx.lineWidth = ratio;
          ctx.beginPath();
          for (let x = from - height; x < to; x += 10 * ratio) {
            ctx.moveTo(x, top + height);
            ctx.lineTo(x + height, top);
          }
          ctx.stroke();
          ctx.restore();
        }
        ctx.fillStyle = color("--muted");
        ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
        ctx.textAlign = "left";
        ctx.textBaseline = "top";
        const name = phase.measured ? phase.name : `${phase.name} (not measured)`;
        const fits = (text) => ctx.measureText(text).width < to - from - 8 * ratio;
        const cut = Array.from(phase.name, (_, i) => `${phase.name.slice(0, phase.name.length - i - 1)}…`);
        const text = [name, phase.name, ...cut.filter((text) => text.length > 4)].find(fits);
        if (text) ctx.fillText(text, from + 5 * ratio, top + 5 * ratio);
      });
      data.spikes.forEach((spike) => {
        const [from, to, felt] = [spike.from, spike.to, spike.felt].map((at) => u.valToPos(at, "x", true));
        ctx.fillStyle = color("--spike");
        ctx.fillRect(from, top, Math.max(to - from, ratio), height);
        ctx.globalAlpha = 0.4;
        ctx.fillRect(to, top, felt - to, height);
        ctx.globalAlpha = 1;
      });
      ctx.restore();
    }],
  };

  // points of single requests: a shape per endpoint, so that colour is not needed to tell them apart
  const SHAPES = [
    (c, x, y, r) => c.arc(x, y, r, 0, 7),
    (c, x, y, r) => { c.moveTo(x, y - 1.2 * r); c.lineTo(x + 1.1 * r, y + 0.8 * r); c.lineTo(x - 1.1 * r, y + 0.8 * r); c.closePath(); },
    (c, x, y, r) => c.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r),
    (c, x, y, r) => { c.moveTo(x, y - 1.2 * r); c.lineTo(x + 1.2 * r, y); c.lineTo(x, y + 1.2 * r); c.lineTo(x - 1.2 * r, y); c.closePath(); },
  ];
  const scatter = {
    drawSeries: [(u, s) => {
      const { ctx } = u, xs = u.data[0], ys = u.data[s], r = 3 * devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      ctx.strokeStyle = u.series[s].stroke();
      ctx.lineWidth = 1.3 * devicePixelRatio;
      for (let i = 0; i < xs.length; i++) {
        if (ys[i] == null) continue;
        ctx.beginPath();
        SHAPES[(s - 1) % 4](ctx, u.valToPos(xs[i], "x", true), u.valToPos(ys[i], "y", true), r);
        ctx.stroke();
      }
      ctx.restore();
    }],
  };
  const cloud = (name, i) => ({ label: name, cloud: true, stroke: seriesColor(i), paths: () => null, points: { show: false }, value: show(1) });

  // the legend shows what stands on the chart: a line with its dashes, or the shape of a point
  const sample = (u, s) => {
    const series = u.series[s], ratio = devicePixelRatio, canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [30 * ratio, 14 * ratio];
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    c.strokeStyle = series.stroke();
    c.beginPath();
    if (series.cloud) {
      c.lineWidth = 1.5;
      SHAPES[(s - 1) % 4](c, 15, 7, 4.5);
    } else {
      c.lineWidth = 2.5;
      c.setLineDash(series.dash ?? []);
      c.moveTo(0, 7);
      c.lineTo(30, 7);
    }
    c.stroke();
    return canvas;
  };
  const samples = {
    ready: [(u) => u.root.querySelectorAll(".u-legend .u-series").forEach((row, s) => {
      if (s > 0) row.querySelector(".u-marker").replaceChildren(sample(u, s));
    })],
  };

  const zero = { range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1] };
  // a share has no more than the whole, unless it has; what is above that is room for the names of phases
  const share = {
    range: (u, min, max) => [0, max > 100 ? max * 1.2 : Math.min(max > 0 ? max * 1.2 : 1, data.phases.length ? 120 : 100)],
  };
  const whole = ({ values }) => {
    if (values.flat().some((value) => value > 100)) return {};
    const filter = (u, splits) => splits.map((at) => (at > 100 ? null : at));
    const line = { stroke: color("--grid"), width: 1, filter };
    return { filter, grid: line, ticks: line };
  };
  // room for the names of the phases above the curves
  const below = { range: (u, min, max) => [0, max > 0 ? max * 1.2 : 1] };
  const time = { time: false, range: (u, min, max) => [Math.min(0, min), max] };
  const { timeline, points, endpoints } = data;
  const perEndpoint = (values) => endpoints.map((_, e) => values.map((v, i) => (points.endpoint[i] === e ? v : null)));

  const charts = {
    tokens: () => ({
      columns: ["s", ...endpoints.map((name) => `${name} tok/s`)],
      data: [timeline.time, ...timeline.tokens],
      options: {
        scales: { x: time, y: below },
        axes: [bottom("seconds since the start of the run"), axis("output tokens per second")],
        series: [{ label: "s", value: show(1) }, ...endpoints.map((name, i) => line(name, i))],
        hooks: phases,
      },
    }),
    requests: () => ({
      columns: ["s", "due per s", "completed per s", "failed per s", "in flight"],
      data: [timeline.time, timeline.due, timeline.completed, timeline.failed, timeline.in_flight],
      options: {
        scales: { x: time, y: below, n: below },
        axes: [
          bottom("seconds since the start of the run"),
          axis("requests per second"),
          axis("in flight", { scale: "n", side: 1, grid: { show: false } }),
        ],
        series: [
          { label: "s", value: show(1) },
          line("due", 0),
          line("completed", 2, { dash: DASHES[1] }),
          line("failed", 1, { dash: DASHES[2], width: 2.5 }),
          line("in flight", 3, { dash: DASHES[3], scale: "n" }),
        ],
        hooks: phases,
      },
    }),
    ttft: () => ({
      columns: ["due in s", ...endpoints.map((name) => `${name} TTFT in ms`)],
      data: [points.due_s, ...perEndpoint(points.ttft_ms)],
      options: {
        scales: { x: time, y: below },
        axes: [bottom("due, in seconds since the start of the run"), axis("time to first token in ms")],
        series: [{ label: "due", value: show(2) }, ...endpoints.map(cloud)],
        hooks: { ...phases, ...scatter },
      },
    }),
    sequence: () => {
      const order = points.place.map((_, i) => i).sort((a, b) => points.place[a] - points.place[b]);
      const sorted = (values) => order.map((i) => values[i]);
      return {
        columns: ["request", ...endpoints.map((name) => `${name} tok/s`)],
        data: [sorted(points.place), ...perEndpoint(points.tokens_per_second).map(sorted)],
        options: {
          scales: { x: { time: false }, y: zero },
          axes: [bottom("measured requests, in the order of their numbers"), axis("output tokens per second of the request")],
          series: [{ label: "request", value: show(0) }, ...endpoints.map(cloud)],
          hooks: scatter,
        },
      };
    },
  };
  for (const [name, group] of Object.entries(data.curves)) {
    charts[name] = () => ({
      columns: ["s", ...group.names],
      data: [group.time, ...group.values],
      options: {
        scales: { x: time, y: name === "shares" ? share : below },
        axes: [bottom("seconds since the start of the run"), axis(group.label, name === "shares" ? whole(group) : {})],
        series: [{ label: "s", value: show(1) }, ...group.names.map((name, i) => line(name, i, { spanGaps: false, value: show(2) }))],
        hooks: phases,
      },
    });
  }
  data.ladders.forEach((ladder, i) => {
    // `users=1`, `users=2` are 1 and 2 of `users`
    const [key] = ladder.steps[0].split("=");
    const alike = ladder.steps.every((step) => step.split("=").length === 2 && step.startsWith(`${key}=`));
    const names = alike ? ladder.steps.map((step) => step.slice(key.length + 1)) : ladder.steps;
    charts[`ladder-${i}`] = () => ({
      columns: ["step", "tok/s", "TTFT p95 in ms", "e2e p95 in ms"],
      first: ladder.steps,
      data: [ladder.steps.map((_, step) => step), ladder.tokens, ladder.ttft_p95_ms, ladder.e2e_p95_ms],
      options: {
        scales: { x: { time: false, range: () => [-0.4, ladder.steps.length - 0.6] }, y: zero, ms: zero },
        axes: [
          bottom(alike ? key : "step", { splits: () => names.map((_, step) => step), values: () => names }),
          axis("output tokens per second"),
          axis("milliseconds", { scale: "ms", side: 1, grid: { show: false }, size: 66 }),
        ],
        series: [
          { label: "step", value: (u, step) => (step == null ? "–" : ladder.steps[step]) },
          line("tok/s", 0, { points: dots() }),
          line("TTFT p95, ms", 1, { points: dots(), scale: "ms" }),
          line("e2e p95, ms", 3, { points: dots(), scale: "ms", dash: DASHES[2] }),
        ],
      },
    });
  });

  const cell = (kind, text) => {
    const element = document.createElement(kind);
    element.textContent = text;
    return element;
  };
  const table = ({ columns, data: values, first }) => {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow(), body = table.createTBody();
    for (const name of columns) {
      const th = cell("th", name);
      th.scope = "col";
      head.append(th);
    }
    (first ?? values[0]).forEach((key, i) => {
      const row = body.insertRow(), th = cell("th", key);
      th.scope = "row";
      row.append(th, ...values.slice(1).map((column) => cell("td", column[i] ?? "–")));
    });
    return table;
  };

  const drawn = [];
  const draw = () => {
    drawn.splice(0).forEach((plot) => plot.destroy());
    for (const figure of document.querySelectorAll("[data-plot]")) {
      const chart = charts[figure.dataset.plot]();
      const place = figure.querySelector(".canvas");
      const width = place.clientWidth;
      const legend = { markers: { width: 0 } }, hooks = { ...chart.options.hooks, ...samples };
      drawn.push(new uPlot({ width, height: HEIGHT, legend, ...chart.options, hooks }, chart.data, place));
    }
  };
  for (const figure of document.querySelectorAll("[data-plot]")) {
    figure.querySelector("details").addEventListener("toggle", (event) => {
      const place = event.target.querySelector(".rows");
      if (!place.firstChild) place.append(table(charts[figure.dataset.plot]()));
    });
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let waiting;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      for (const plot of drawn) plot.setSize({ width: plot.root.parentNode.clientWidth, height: HEIGHT });
    });
  });
})();
