//! `[phases.NAME]` and its `load`.

use super::{
    super::{
        Arrivals, Closed, Load, Open, Order, Phase, Shape, Spikes, Stage,
        fill::sends_nothing,
        merge::LOADS,
        tree::{Node, Value},
    },
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
    pressure::pressure,
    same_as::{Asked, Others, Written},
    search::search,
    trace::follow,
};

const LOAD_HELP: &str = "add `load.closed = { users = 4 }` or `load.open = { rate = 2 }`";
const RATE_HELP: &str = "add `rate = 2`, or `stages = [{ from = 1, to = 10, over = \"60s\" }]`";
const GAMMA_HELP: &str = "write `arrivals = { gamma = { cv = 2.0 } }`";
const ARRIVALS_HELP: &str = "write `\"poisson\"`, `\"constant\"` or `{ gamma = { cv = 2.0 } }`";
const STAGE_HELP: &str = "write `{ from = 1, to = 10, over = \"60s\" }` or `{ hold = 10, over = \"60s\" }`";
const SPIKES_HELP: &str = "write `spikes = { every = \"60s\", lasting = \"5s\", rate = 40 }`";

/// Plans and reports call the wait for the servers by this name.
const RESERVED: &str = "phases.ready";

/// Reads a phase; one that takes the load of another is read after that one.
pub(super) fn phase(name: &str, fields: &mut Fields<'_>, others: &Others<'_>) -> Option<Phase> {
    let reserved = fields.path == RESERVED;
    if reserved {
        fields.refuse("is a reserved name", "the readiness check goes by it", "give the phase another name");
    }
    if fields.node("pause").is_some() || sends_nothing(fields.node) {
        return pause(fields).filter(|_| !reserved);
    }
    let measure = fields.get("measure", leaf::boolean);
    let require_steady = fields.get("require_steady", leaf::boolean);
    let bounded = (fields.node("requests").is_some(), fields.node("duration").is_some());
    let requests = fields.get("requests", leaf::count(1));
    let duration = fields.get("duration", leaf::positive_duration);
    let settles = fields.node("settle").is_some();
    let settle = fields.get("settle", leaf::duration);
    let restricted = fields.node("endpoints").is_some();
    let endpoints = fields.get("endpoints", |node| leaf::distinct(node, leaf::text));
    let order = order(fields);
    let pressed = fields.node("pressure").is_some();
    let pressure = pressure(fields);
    if fields.path == "phases.load" && fields.node("load").is_none() && misplaced(fields) {
        fields.refuse(
            "holds a load, and is read as a phase called `load`",
            "the name of a phase is missing before it",
            "write `[phases.NAME.load.closed]` or `[phases.NAME.load.open]`, with the name of the phase",
        );
        return None;
    }
    let asked = Asked { others, name, endpoints: endpoints.as_deref(), order: order.as_ref(), bounded };
    let written = load(fields, &asked);
    let batched = fields.node("batch_sizes").is_some();
    let batch_sizes = own_batch_sizes(fields);
    let lost = (batched && batch_sizes.is_none())
        || (bounded.0 && requests.is_none())
        || (bounded.1 && duration.is_none())
        || (settles && settle.is_none())
        || (restricted && endpoints.is_none())
        || (pressed && pressure.is_none());
    if lost || reserved {
        return None;
    }
    let Written { load, same_as, requests: taken, duration: length, batch_sizes: theirs } = written?;
    Some(Phase {
        measure: measure?,
        require_steady: require_steady?,
        requests: requests.or(taken),
        duration: duration.or(length),
        settle,
        endpoints,
        load,
        batch_sizes: batch_sizes.unwrap_or(theirs),
        same_as,
        order: order?,
        pressure,
    })
}

/// The sizes that a phase writes itself. One that takes the load of another takes its sizes too.
fn own_batch_sizes(fields: &mut Fields<'_>) -> Option<Vec<u32>> {
    let same_as = fields.node.at(&["load", "same_as"]).map(|node| node.place.clone());
    fields.get("batch_sizes", |node| match &same_as {
        None => batch_sizes(node),
        Some(same_as) => Err(vec![Wrong {
            place: node.key.clone(),
            what: "cannot differ from those of the phase whose load this one takes".to_owned(),
            label: "set here".to_owned(),
            help: "remove it: the sizes come with the load".to_owned(),
            other: Some((same_as.clone(), "taken from there".to_owned())),
        }]),
    })
}

/// Prompts in one request at most: beyond what any server takes, and small enough to hold many of them in memory.
const MOST_PROMPTS: u32 = 1024;

/// Reads numbers of prompts; `"default"` has been replaced by what it stands for.
pub(super) fn batch_sizes(node: &Node) -> Read<Vec<u32>> {
    let size = |node: &Node| {
        let size = leaf::count::<u32>(1)(node)?;
        if size > MOST_PROMPTS {
            return wrong(
                node,
                format!("must be {MOST_PROMPTS} or less, found {size}"),
                "too many prompts for one request",
                "write a smaller number; `load` says how many requests there are at once",
            );
        }
        Ok(size)
    };
    match &node.value {
        Value::Text(text) => wrong(
            node,
            format!("cannot be `{text}`"),
            "neither numbers nor `default`",
            "write a list such as `[1, 4, 8]`, or `\"default\"` for `defaults.batch_sizes`",
        ),
        _ => leaf::one_or_many(node, size),
    }
}

/// Reads when a phase begins.
fn order(fields: &mut Fields<'_>) -> Option<Order> {
    match (fields.node("after").is_some(), fields.node("during").is_some()) {
        (false, false) => Some(Order::InTurn),
        (true, false) => fields.get("after", |node| match &node.value {
            // of nothing: as soon as the servers are ready
            Value::List(items) if items.is_empty() => Ok(Order::After(Vec::new())),
            _ => leaf::one_or_many(node, leaf::text).map(Order::After),
        }),
        (false, true) => fields.get("during", leaf::text).map(Order::During),
        (true, true) => {
            let both = "a phase begins after others, or with the one that it runs during: keep one";
            fields.variant(&["after", "during"], "", both)?;
            None
        }
    }
}

/// Reads a phase that sends nothing: for how long, `pause` says, or `duration` where it only presses.
fn pause(fields: &mut Fields<'_>) -> Option<Phase> {
    // looked at from outside, so that no misspelt key is told to be one of these
    let table = fields.node;
    let presses = table.get("pause").is_none();
    let (by, alone) = if presses { ("pressure", "pressure alone") } else { ("pause", "`pause`") };
    let place = table.get(by).map(|node| node.key.clone());
    let length = if presses {
        let help = "duration = \"60s\"`, how long it presses, or `load.closed = { users = 4 }";
        fields.require("duration", help, leaf::positive_duration)
    } else {
        fields.get("pause", leaf::positive_duration)
    };
    if table.get("load").is_some() {
        let both = "a pause sends nothing: remove one of the two, or make two phases";
        fields.variant(&["load", "pause"], LOAD_HELP, both)?;
    }
    for key in ["measure", "require_steady", "requests", "duration", "settle", "endpoints", "batch_sizes"] {
        if table.get(key).is_none() || (presses && key == "duration") {
            continue;
        }
        fields.get(key, |node| -> Read<()> {
            let help = if presses {
                "remove it, or add a `load`".to_owned()
            } else {
                "remove it; `pause` says how long the phase takes".to_owned()
            };
            Err(vec![Wrong {
                place: node.key.clone(),
                what: "is about requests, and a pause sends none".to_owned(),
                label: format!("not in a phase with {alone}"),
                help,
                other: place.clone().map(|place| (place, "a pause by this".to_owned())),
            }])
        });
    }
    if let Some(during) = table.get("during") {
        let during = during.key.clone();
        fields.get(by, |node| -> Read<()> {
            Err(vec![Wrong {
                place: node.key.clone(),
                what: "sends nothing, and so nothing that could run during another phase".to_owned(),
                label: "a pause by this".to_owned(),
                help: "remove `during`; with `after`, a pause may run beside other phases".to_owned(),
                other: Some((during, format!("not in a phase with {alone}"))),
            }])
        });
    }
    let order = order(fields);
    let pressed = fields.node("pressure").is_some();
    let pressure = pressure(fields);
    if pressed && pressure.is_none() {
        return None;
    }
    Some(Phase {
        measure: false,
        require_steady: false,
        requests: None,
        duration: None,
        settle: None,
        endpoints: None,
        load: Load::Pause(length?),
        batch_sizes: Vec::new(),
        same_as: None,
        order: order?,
        pressure,
    })
}

/// Whether a phase has in it what belongs in its load.
fn misplaced(fields: &mut Fields<'_>) -> bool {
    let closed = fields.node("closed").is_some();
    fields.node("open").is_some() || closed
}

fn load(fields: &mut Fields<'_>, asked: &Asked<'_>) -> Option<Written> {
    fields.need("load", LOAD_HELP)?;
    let mut table = fields.table_or("load", &LOAD_HELP.replacen("add", "write", 1))?;
    let both = "a phase has one load: keep one, or make two phases";
    let load = match table.variant(LOADS, LOAD_HELP, both) {
        Some("closed") => table.table_at("closed").and_then(closed).map(Load::Closed).map(Written::own),
        Some("open") => table.table_at("open").and_then(open).map(Load::Open).map(Written::own),
        Some("search") => table.table_at("search").and_then(search).map(Load::Search).map(Written::own),
        Some("trace") => table.table_at("trace").and_then(follow).map(Load::Trace).map(Written::own),
        Some(_) => table.get("same_as", |node| asked.take(node, &leaf::text(node)?)).flatten(),
        None => None,
    };
    table.finish();
    load
}

fn closed(mut fields: Fields<'_>) -> Option<Closed> {
    let users = fields.get("users", |node| leaf::one_or_many(node, leaf::count(1)));
    let ramp_up = fields.get("ramp_up", leaf::duration);
    let think_time = fields.get("think_time", leaf::duration);
    fields.finish();
    Some(Closed { users: users?, ramp_up: ramp_up?, think_time: think_time? })
}

fn open(mut fields: Fields<'_>) -> Option<Open> {
    let arrivals = arrivals(&mut fields);
    let kind = fields.variant(&["rate", "stages"], RATE_HELP, "keep one: a rate, or its course over time");
    let shape = match kind {
        Some("rate") => {
            fields.get("rate", |node| leaf::one_or_many(node, leaf::positive_rate)).map(Shape::Rates)
        }
        Some(_) => stages(&mut fields).map(Shape::Stages),
        None => None,
    };
    let spiked = fields.node("spikes").is_some();
    let spikes = spikes(&mut fields);
    let limited = fields.node("concurrency_limit").is_some();
    let concurrency_limit = fields.get("concurrency_limit", leaf::count(1));
    fields.finish();
    if (limited && concurrency_limit.is_none()) || (spiked && spikes.is_none()) {
        return None;
    }
    Some(Open { arrivals: arrivals?, shape: shape?, spikes, concurrency_limit })
}

fn spikes(fields: &mut Fields<'_>) -> Option<Spikes> {
    let mut table = fields.table_or("spikes", SPIKES_HELP)?;
    let every = table.require("every", "every = \"60s\"", leaf::positive_duration);
    let lasting = table.require("lasting", "lasting = \"5s\"", leaf::positive_duration);
    let rate = table.require("rate", "rate = 40", leaf::positive_rate);
    table.finish();
    Some(Spikes { every: every?, lasting: lasting?, rate: rate? })
}

/// Reads an arrival process.
pub(super) fn arrivals(fields: &mut Fields<'_>) -> Option<Arrivals> {
    const WORDS: [(&str, Arrivals); 2] = [("poisson", Arrivals::Poisson), ("constant", Arrivals::Constant)];
    if fields.node("arrivals").is_some_and(|node| node.as_table().is_none()) {
        return fields.get("arrivals", |node| match &node.value {
            Value::Text(text) | Value::Filled(text) if text == "gamma" => {
                wrong(node, "cannot be `gamma` alone", "how much do its gaps vary?", GAMMA_HELP)
            }
            Value::Text(_) | Value::Filled(_) => leaf::word(&WORDS)(node),
            _ => leaf::mismatch(node, "a process", ARRIVALS_HELP),
        });
    }
    let mut table = fields.table_at("arrivals")?;
    let gamma = table
        .variant(&["gamma"], ARRIVALS_HELP, "")
        .and_then(|_| table.table_or("gamma", GAMMA_HELP))
        .and_then(|mut gamma| {
            let cv = gamma.require("cv", "cv = 2.0", variation);
            gamma.finish();
            cv
        });
    table.finish();
    gamma.map(|cv| Arrivals::Gamma { cv })
}

/// A coefficient of variation of gaps. Below the range they are as good as even; above it nearly all requests come in
/// a few heaps, and no phase is long enough to see its mean rate.
fn variation(node: &Node) -> Read<f64> {
    const RANGE: std::ops::RangeInclusive<f64> = 0.01..=10.0;
    let cv = leaf::number(node)?;
    if RANGE.contains(&cv) {
        return Ok(cv);
    }
    let (label, help) = if cv < *RANGE.start() {
        ("gaps that hardly vary", "write `arrivals = \"constant\"` for even gaps")
    } else {
        (
            "gaps that vary beyond measure",
            "write 1 for the bursts of a Poisson process, 2 to 5 for heavier ones",
        )
    };
    wrong(node, format!("must be {} to {}, found {cv}", RANGE.start(), RANGE.end()), label, help)
}

fn stages(fields: &mut Fields<'_>) -> Option<Vec<Stage>> {
    let address = fields.address("stages");
    // only that it is a list of tables; each is read as a table of its own below
    let nodes = fields.get("stages", |node| match &node.value {
        Value::List(items) if !items.is_empty() => Ok(items.as_slice()),
        Value::List(_) => wrong(node, "must not be empty", "nothing in it", STAGE_HELP),
        _ => leaf::mismatch(node, "a list of stages", STAGE_HELP),
    })?;
    let stages: Vec<Option<Stage>> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| stage(fields.element(&format!("{address}[{index}]"), node)?))
        .collect();
    let stages: Vec<Stage> = stages.into_iter().collect::<Option<_>>()?;
    if stages.iter().all(|stage| stage.from == 0.0 && stage.to == 0.0) {
        return fields
            .get("stages", |node| wrong(node, "never send anything", "every rate is 0", STAGE_HELP));
    }
    Some(stages)
}

fn stage(mut fields: Fields<'_>) -> Option<Stage> {
    let over = fields.require("over", "over = \"60s\"", leaf::positive_duration);
    let rates = if fields.node("hold").is_some() {
        fields.variant(&["hold", "from"], STAGE_HELP, "`hold` is a rate that stays: keep it alone")?;
        fields.variant(&["hold", "to"], STAGE_HELP, "`hold` is a rate that stays: keep it alone")?;
        fields.get("hold", leaf::rate).map(|rate| (rate, rate))
    } else {
        let from = fields.require("from", "from = 1", leaf::rate);
        let to = fields.require("to", "to = 10", leaf::rate);
        from.zip(to)
    };
    fields.finish();
    let ((from, to), over) = (rates?, over?);
    Some(Stage { from, to, over })
}
