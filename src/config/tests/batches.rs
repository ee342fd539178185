//! Prompts per request.

use super::*;

const COMPLETIONS: &str = "protocol = \"openai_completions\"\n[phases.main]\nload.closed = { users = 1 }\n";

fn sizes(sets: &[&str]) -> Vec<u32> {
    compiled(None, COMPLETIONS, sets).phases["main"].batch_sizes.clone()
}

#[test]
fn a_phase_writes_its_sizes_or_takes_the_default_ones() {
    assert!(sizes(&[]).is_empty());
    assert_eq!(sizes(&["phases.main.batch_sizes=[1,4]"]), [1, 4]);
    assert_eq!(sizes(&["phases.main.batch_sizes=8"]), [8]);
    assert_eq!(sizes(&["phases.main.batch_sizes=default"]), [1, 4, 8, 16, 32]);
    assert_eq!(sizes(&["phases.main.batch_sizes=default", "defaults.batch_sizes=[2,3]"]), [2, 3]);
    let scenario = compiled(None, COMPLETIONS, &["phases.main.batch_sizes=default"]);
    let origin = scenario.origins.iter().find(|origin| origin.path == "phases.main.batch_sizes");
    let origin = origin.expect("it has an origin");
    assert_eq!((origin.layer, origin.value.as_str()), (Layer::BuiltIn, "[1, 4, 8, 16, 32]"));
}

#[test]
fn sizes_come_with_the_load_of_another_phase() {
    let text = format!("{COMPLETIONS}batch_sizes = [2, 4]\n[phases.solo]\nload.same_as = \"main\"\n");
    let scenario = compiled(None, &text, &[]);
    assert_eq!(scenario.phases["solo"].batch_sizes, [2, 4]);
    assert_eq!(scenario.phases["solo"].levels(), ["batch=2", "batch=4"]);
}

#[test]
fn a_target_on_gaps_needs_a_step_with_single_prompts() {
    let text = format!(
        "{COMPLETIONS}batch_sizes = [4, 8]\n[targets.gaps]\nmetric = \"itl\"\nphase = \"main\"\nat_most = \"1s\"\n"
    );
    let message = rendered(&text, &[]);
    assert!(message.contains("judge `tpot`, or add 1 to `batch_sizes`"), "{message}");
    let text = text.replace("[4, 8]", "[1, 8]");
    compiled(None, &text, &[]);
}
