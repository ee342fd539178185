//! What things are called: words of business code, and names that spell a number in them.
//!
//! The lists decide what a seed means, as those of the prose do: raise [`CONTENT`](crate::workload::CONTENT) with them.
//! Every word is one token by the estimate, and none is a keyword of a language or a local name of a template.

/// What a piece of code is for. The first word of a name, or the last one of a component, decides it, and the templates
/// of that purpose are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Gets things from a server.
    Fetch,
    /// Adds things up.
    Total,
    /// Puts together what belongs together.
    Group,
    /// Takes some of them, in an order.
    Select,
    /// Makes other things of them.
    Convert,
    /// Looks whether they are right.
    Check,
    /// Puts them away.
    Save,
    /// A component that shows many.
    List,
    /// One that edits.
    Form,
    /// One that loads what it shows.
    Panel,
    /// A small one with a state.
    Control,
    /// A hook.
    Hook,
}
use Purpose::{Check, Control, Convert, Fetch, Form, Group, Hook, List, Panel, Save, Select, Total};

/// What functions do.
#[rustfmt::skip]
pub(super) const VERBS: [(&str, Purpose); 32] = [
    ("fetch", Fetch), ("total", Total), ("group", Group), ("validate", Check), ("save", Save),
    ("load", Fetch), ("count", Total), ("sort", Select), ("check", Check), ("update", Save),
    ("request", Fetch), ("average", Total), ("index", Group), ("verify", Check), ("archive", Save),
    ("download", Fetch), ("measure", Total), ("select", Select), ("inspect", Check), ("publish", Save),
    ("retrieve", Fetch), ("summarize", Total), ("normalize", Convert), ("audit", Check), ("sync", Save),
    ("query", Fetch), ("tally", Total), ("filter", Select), ("poll", Fetch), ("convert", Convert),
    ("collect", Fetch), ("split", Group),
];

/// What components are.
#[rustfmt::skip]
pub(super) const WIDGETS: [(&str, Purpose); 32] = [
    ("list", List), ("form", Form), ("panel", Panel), ("badge", Control), ("query", Hook),
    ("table", List), ("editor", Form), ("page", Panel), ("toggle", Control), ("feed", List),
    ("dialog", Form), ("view", Panel), ("picker", Control), ("grid", List), ("wizard", Form),
    ("dashboard", Panel), ("counter", Control), ("selection", Hook), ("timeline", List), ("drawer", Panel),
    ("composer", Form), ("switch", Control), ("board", List), ("overview", Panel), ("stepper", Control),
    ("store", Hook), ("gallery", List), ("report", Panel), ("field", Form), ("menu", List),
    ("inspector", Panel), ("filter", Hook),
];

/// What state things are in.
#[rustfmt::skip]
pub(super) const STATES: [&str; 64] = [
    "pending", "overdue", "active", "open", "closed", "expired", "failed", "recent", "stale", "draft",
    "paid", "unpaid", "shipped", "returned", "archived", "blocked", "approved", "rejected", "cancelled",
    "verified", "missing", "duplicate", "hidden", "shared", "local", "remote", "daily", "weekly",
    "monthly", "yearly", "regional", "internal", "external", "partial", "final", "initial", "current",
    "previous", "upcoming", "delayed", "refunded", "assigned", "unassigned", "locked", "unlocked",
    "queued", "running", "stopped", "paused", "empty", "invalid", "urgent", "flagged", "imported",
    "exported", "signed", "unsigned", "trusted", "premium", "billed", "unread", "starred", "muted",
    "frozen",
];

/// What code is about: one and many.
#[rustfmt::skip]
pub(super) const THINGS: [(&str, &str); 64] = [
    ("order", "orders"), ("invoice", "invoices"), ("payment", "payments"), ("customer", "customers"),
    ("product", "products"), ("session", "sessions"), ("account", "accounts"), ("shipment", "shipments"),
    ("refund", "refunds"), ("contract", "contracts"), ("employee", "employees"), ("ticket", "tickets"),
    ("booking", "bookings"), ("vehicle", "vehicles"), ("driver", "drivers"), ("station", "stations"),
    ("sensor", "sensors"), ("reading", "readings"), ("device", "devices"), ("article", "articles"),
    ("comment", "comments"), ("author", "authors"), ("review", "reviews"), ("campaign", "campaigns"),
    ("coupon", "coupons"), ("discount", "discounts"), ("supplier", "suppliers"), ("parcel", "parcels"),
    ("flight", "flights"), ("passenger", "passengers"), ("hotel", "hotels"), ("guest", "guests"),
    ("student", "students"), ("teacher", "teachers"), ("course", "courses"), ("lesson", "lessons"),
    ("patient", "patients"), ("doctor", "doctors"), ("clinic", "clinics"), ("recipe", "recipes"),
    ("meal", "meals"), ("playlist", "playlists"), ("album", "albums"), ("artist", "artists"),
    ("photo", "photos"), ("project", "projects"), ("sprint", "sprints"), ("release", "releases"),
    ("cluster", "clusters"), ("backup", "backups"), ("claim", "claims"), ("loan", "loans"),
    ("deposit", "deposits"), ("transfer", "transfers"), ("budget", "budgets"), ("expense", "expenses"),
    ("survey", "surveys"), ("member", "members"), ("voucher", "vouchers"), ("wallet", "wallets"),
    ("meter", "meters"), ("tariff", "tariffs"), ("auction", "auctions"), ("warehouse", "warehouses"),
];

/// Fields with numbers.
pub(super) const NUMBERS: [&str; 12] = [
    "amount", "quantity", "price", "balance", "weight", "duration", "score", "volume", "cost", "priority",
    "distance", "margin",
];

/// Fields with words.
pub(super) const TEXTS: [&str; 12] = [
    "region",
    "category",
    "currency",
    "owner",
    "source",
    "language",
    "country",
    "channel",
    "brand",
    "label",
    "department",
    "city",
];

/// Round numbers, as limits are.
pub(super) const LIMITS: [&str; 12] =
    ["10", "20", "25", "30", "50", "60", "100", "120", "200", "250", "500", "750"];

/// Numbers after which [`Name`] needs a word more than three.
pub(super) const SHORT_NAMES: u64 = (VERBS.len() * STATES.len() * THINGS.len()) as u64;

/// A name that spells a number: `fetchPendingInvoices` or `PendingInvoiceList`, in the style of its language.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// Index of the verb, or of the kind of component.
    act: usize,
    /// Its state.
    pub(super) state: &'static str,
    thing: usize,
    /// What is beyond three words, joined by words that are in no list.
    rest: Vec<&'static str>,
}

impl Name {
    /// The name of request `number`, at a place of a batch. Two different pairs never have the same name: every digit of
    /// the number is a word, and what stands before and behind `with` and `for` can be told apart.
    ///
    /// Digits are shifted by those before them, so that numbers that follow each other differ in every word.
    pub(super) fn spell(number: u64, place: u32) -> Self {
        let (number, act) = digit(number, VERBS.len());
        let (number, state) = digit(number, STATES.len());
        let (number, thing) = digit(number, THINGS.len());
        let mut rest = Vec::new();
        for (joint, number) in [("with", number), ("for", u64::from(place))] {
            if number > 0 {
                rest.push(joint);
                push_things(&mut rest, number);
            }
        }
        Self {
            act,
            state: STATES[(state + act) % STATES.len()],
            thing: (thing + 5 * state + 7 * act) % THINGS.len(),
            rest,
        }
    }

    /// What it is about: one.
    pub(super) fn one(&self) -> &'static str {
        THINGS[self.thing].0
    }

    /// Many.
    pub(super) fn many(&self) -> &'static str {
        THINGS[self.thing].1
    }

    /// What a function of this name does.
    pub(super) fn of_function(&self) -> (Purpose, Vec<&'static str>) {
        let (verb, purpose) = VERBS[self.act];
        (purpose, [&[verb, self.state, self.many()][..], &self.rest].concat())
    }

    /// What a component of this name is.
    pub(super) fn of_component(&self) -> (Purpose, Vec<&'static str>) {
        let (widget, purpose) = WIDGETS[self.act];
        (purpose, [&[self.state, self.one(), widget][..], &self.rest].concat())
    }
}

fn digit(number: u64, base: usize) -> (u64, usize) {
    let base = base as u64;
    (number / base, (number % base) as usize)
}

/// Spells a number above 0, least significant digit first; the last digit is not 0, so that no two are the same.
fn push_things(words: &mut Vec<&'static str>, mut number: u64) {
    while number > 0 {
        let (left, thing) = digit(number, THINGS.len());
        words.push(THINGS[thing].0);
        number = left;
    }
}

/// Writes `pendingInvoices`.
pub(super) fn camel(words: &[&str], out: &mut String) {
    for (index, word) in words.iter().enumerate() {
        if index == 0 { out.push_str(word) } else { capital(word, out) }
    }
}

/// Writes `PendingInvoices`.
pub(super) fn pascal(words: &[&str], out: &mut String) {
    for word in words {
        capital(word, out);
    }
}

/// Writes `pending_invoices`.
pub(super) fn snake(words: &[&str], out: &mut String) {
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push('_');
        }
        out.push_str(word);
    }
}

/// Writes `Invoice`.
fn capital(word: &str, out: &mut String) {
    let (first, others) = word.split_at(1);
    out.push_str(&first.to_ascii_uppercase());
    out.push_str(others);
}
