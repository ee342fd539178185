//! What holds of layers whatever is in them.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::{
    super::{
        Input, Layer,
        diagnostic::Sink,
        load,
        merge::{EXCLUSIVE, over},
        syntax,
        tree::Node,
    },
    compiled, nothing,
};
use crate::{machine::Machine, plan};

/// Values that no key excludes.
const PLAIN: &[&str] = &[
    "seed",
    "defaults.timeout",
    "defaults.concurrency",
    "run.label",
    "endpoints.a.url",
    "endpoints.a.weight",
    "endpoints.b.url",
    "phases.one.requests",
    "phases.one.duration",
    "phases.two.measure",
    "phases.two.load.closed.users",
    "targets.t.metric",
    "targets.t.severity",
];

/// Values that exclude each other.
const VARIANTS: &[&str] = &[
    "endpoints.a.api_key.env",
    "endpoints.a.api_key.file",
    "workloads.w.synthetic.prompt_tokens.uniform.min",
    "workloads.w.synthetic.prompt_tokens.uniform.max",
    "workloads.w.synthetic.prompt_tokens.constant",
    "workloads.w.synthetic.prompt_words",
    "workloads.w.snippets.prompt_tokens",
    "workloads.w.snippets.mix.python",
    "phases.one.load.closed.users",
    "phases.one.load.closed.ramp_up",
    "phases.one.load.open.rate",
    "phases.one.load.open.stages",
    "phases.one.load.open.concurrency_limit",
    "phases.one.pause",
    "phases.one.after",
    "phases.one.during",
    "targets.t.at_least",
    "targets.t.at_most",
    "targets.t.between",
];

/// A layer as it is written: addresses, each once, and their values.
type Written = Vec<(&'static str, u8)>;

fn layer(addresses: &'static [&'static [&'static str]]) -> impl Strategy<Value = Written> {
    let all: Vec<&'static str> = addresses.concat();
    let some = 0..all.len();
    proptest::sample::subsequence(all, some).prop_shuffle().prop_flat_map(|addresses| {
        let values = proptest::collection::vec(any::<u8>(), addresses.len());
        values.prop_map(move |values| addresses.iter().copied().zip(values).collect())
    })
}

fn read(layer: &Written) -> Node {
    let lines: Vec<String> = layer.iter().map(|(address, value)| format!("{address} = {value}")).collect();
    let text = lines.join("\n");
    let sink = Sink::default();
    let node = syntax::parse("layer.toml", Layer::Scenario, &text, &sink);
    assert!(sink.is_empty(), "{text}");
    node
}

/// Everything in a tree, in its order.
fn shown(node: &Node) -> String {
    node.to_toml()
}

/// What layers come to by the rules as they are written down: of an address the last value holds; whoever sets a key of
/// an exclusive group ends what the layers below said by its other keys.
fn by_the_rules(layers: &[Written]) -> BTreeMap<String, u8> {
    let mut values: BTreeMap<String, u8> = BTreeMap::new();
    for layer in layers {
        for (pattern, keys) in EXCLUSIVE {
            // the tables of the group that the layer speaks of, with the keys of the group that it sets there
            let mut said: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
            for (address, _) in layer {
                let parts: Vec<&str> = address.split('.').collect();
                if parts.len() > pattern.len()
                    && pattern.iter().zip(&parts).all(|(pattern, part)| *pattern == "*" || pattern == part)
                    && keys.contains(&parts[pattern.len()])
                {
                    said.entry(parts[..pattern.len()].to_vec()).or_default().push(parts[pattern.len()]);
                }
            }
            values.retain(|address, _| {
                let parts: Vec<&str> = address.split('.').collect();
                let key = parts.get(pattern.len()).copied().unwrap_or_default();
                let table = said.get(parts.get(..pattern.len()).unwrap_or_default());
                table.is_none_or(|set| !keys.contains(&key) || set.contains(&key))
            });
        }
        values.extend(layer.iter().map(|(address, value)| ((*address).to_owned(), *value)));
    }
    values
}

fn leaves(node: &Node) -> BTreeMap<String, u8> {
    let mut leaves = BTreeMap::new();
    node.leaves("", &mut |path, leaf| {
        leaves.insert(path.to_owned(), leaf.to_toml().parse().expect("values are small numbers"));
    });
    leaves
}

proptest! {
    #[test]
    fn layers_come_to_what_the_rules_say(
        layers in proptest::collection::vec(layer(&[PLAIN, VARIANTS]), 1..5),
    ) {
        let folded = layers.iter().map(read).reduce(over).expect("a layer");
        prop_assert_eq!(leaves(&folded), by_the_rules(&layers));
    }

    #[test]
    fn the_same_layer_again_changes_nothing(
        below in layer(&[PLAIN, VARIANTS]),
        above in layer(&[PLAIN, VARIANTS]),
    ) {
        let (below, above) = (read(&below), read(&above));
        prop_assert_eq!(shown(&over(below.clone(), below.clone())), shown(&below));
        let once = over(below, above.clone());
        prop_assert_eq!(shown(&over(once.clone(), above)), shown(&once));
    }

    #[test]
    fn without_variants_layers_may_be_folded_from_either_side(
        one in layer(&[PLAIN]),
        two in layer(&[PLAIN]),
        three in layer(&[PLAIN]),
    ) {
        let (one, two, three) = (read(&one), read(&two), read(&three));
        let from_below = over(over(one.clone(), two.clone()), three.clone());
        prop_assert_eq!(shown(&from_below), shown(&over(one, over(two, three))));
    }

    #[test]
    fn keys_keep_the_place_where_they_first_appear(
        below in layer(&[PLAIN, VARIANTS]),
        above in layer(&[PLAIN, VARIANTS]),
    ) {
        let (below, above) = (read(&below), read(&above));
        let before: Vec<String> = below.names("phases").map(str::to_owned).collect();
        let new: Vec<String> =
            above.names("phases").filter(|name| !before.iter().any(|old| old == name)).map(str::to_owned).collect();
        let folded = over(below, above);
        prop_assert_eq!(folded.names("phases").collect::<Vec<_>>(), [before, new].concat());
    }

    /// The tables of real scenarios in any order, as long as phases follow each other as they did.
    #[test]
    fn the_order_of_tables_is_not_part_of_the_experiment(which in 0..ready().len(), order in any::<u64>()) {
        let (name, text) = ready().swap_remove(which);
        prop_assert_eq!(experiment(&name, &shuffled(&text, order)), experiment(&name, &text));
    }
}

/// The names and texts of the ready scenarios.
fn ready() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is part of the source");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("a readable scenario");
    paths.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

/// Sorts the tables of a text by numbers that follow from `order`; those of phases keep their places among each other.
fn shuffled(text: &str, order: u64) -> String {
    let mut tables: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.starts_with('[') {
            tables.push(String::new());
        }
        let last = tables.last_mut().expect("there is one from the start");
        last.extend([line, "\n"]);
    }
    let top = tables.remove(0);
    let rank = |at: usize| {
        (at as u64 + 1).wrapping_mul(order | 1).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut places: Vec<usize> = (0..tables.len()).collect();
    places.sort_by_key(|at| rank(*at));
    let mut phases = (0..tables.len()).filter(|at| tables[*at].starts_with("[phases"));
    let is_phase = |at: usize| tables[at].starts_with("[phases");
    let in_order = places.iter().map(|at| if is_phase(*at) { phases.next().unwrap_or(*at) } else { *at });
    in_order.fold(top, |text, at| text + &tables[at])
}

/// That of each case.
fn experiment(name: &str, text: &str) -> Vec<String> {
    let input = Input { name, text, platform: None, sets: &[] };
    let cases = load(&input, &Machine::default(), &|_| None, &nothing);
    let cases = cases.unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(false)));
    cases.iter().map(|case| plan::compile(case).experiment).collect()
}

#[test]
fn every_exclusive_group_is_replaced_as_a_whole() {
    for (pattern, keys) in EXCLUSIVE {
        let table = pattern.join(".").replace('*', "x");
        for below in *keys {
            for above in *keys {
                let text = |key: &str| format!("{table}.{key} = 1\n{table}.other = 2\n");
                let read = |text: &str| syntax::parse("layer.toml", Layer::Scenario, text, &Sink::default());
                let folded = over(read(&text(below)), read(&text(above)));
                let path: Vec<&str> = table.split('.').collect();
                let left: Vec<&String> = folded
                    .at(&path)
                    .and_then(Node::as_table)
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| key)
                    .collect();
                assert!(left.contains(&&(*above).to_owned()), "{table}: {above}");
                assert!(below == above || !left.contains(&&(*below).to_owned()), "{table}: {below}, {above}");
                assert!(left.iter().any(|key| *key == "other"), "what is beside the group stays");
            }
        }
    }
}

#[test]
fn what_is_wrong_on_another_platform_is_found_on_this_one() {
    let text = "[phases.main]\nload.closed = {}\n[platforms.outer.phases.main]\nrequests = \"${UNSET}\"\n";
    // a variable that is needed there need not be set here
    compiled(None, text, &[]);
    let wrong = text.replace("\"${UNSET}\"", "0");
    let message = super::rendered(&wrong, &[]);
    assert!(message.contains("`phases.main.requests` must be 1 or more"), "{message}");
    let added = text.replace("phases.main]\nrequests", "phases.new]\nrequests");
    assert!(super::rendered(&added, &[]).contains("`phases.new` does not exist"));
}

#[test]
fn variables_stand_for_values_and_never_for_keys_or_secrets() {
    let text =
        "[phases.main]\nload.closed = { users = \"${USERS}\" }\n[run]\nlabel = \"$${USERS} ${USERS}\"\n";
    let scenario = compiled(None, text, &[]);
    assert_eq!(scenario.run.label, "${USERS} 9");
    let key = "[phases.\"${USERS}\"]\nload.closed = {}\n";
    assert!(super::rendered(key, &[]).contains("`${USERS}` cannot be a name in `phases`"));
    let secret = "[phases.main]\nload.closed = {}\n[endpoints.b]\nurl = \"http://h\"\napi_key = { env = \"${USERS}\" }\n";
    assert!(super::rendered(secret, &[]).contains("`endpoints.b.api_key.env` must be a plain name"));
}
