//! `[phases.NAME.pressure]`.

use super::{
    super::{
        CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure,
        tree::{Node, Value},
    },
    MOST_THREADS, at_most,
    fields::Fields,
    leaf::{self, Read, mismatch, wrong},
};

const PRESSURE_HELP: &str = "add `cpu = { duty = \"50%\" }` or `memory = { size = \"1GiB\" }`";
const CPU_HELP: &str = "write `cpu = { threads = 2, duty = \"50%\" }`, or `cpu = {}` for all processors";
const MEMORY_HELP: &str = "add `size = \"1GiB\"` or `share = \"50%\"`";
const THREADS_HELP: &str = "write a number of threads, or `\"all\"` for one per processor";

/// Reads what presses beside a phase; `None` also where there is nothing of it, which `is_whole` tells apart.
pub(super) fn pressure(fields: &mut Fields<'_>) -> Option<Pressure> {
    let mut table = fields.table_or("pressure", "write `pressure = { cpu = { duty = \"50%\" } }`")?;
    let (has_cpu, has_memory) = (table.node("cpu").is_some(), table.node("memory").is_some());
    if !has_cpu && !has_memory {
        // tells of a misspelt key, or that both are missing
        table.variant(&["cpu", "memory"], PRESSURE_HELP, "");
    }
    let cpu = table.table_or("cpu", CPU_HELP).and_then(cpu);
    let memory =
        table.table_or("memory", &MEMORY_HELP.replacen("add", "write a table with", 1)).and_then(memory);
    table.finish();
    let lost = (has_cpu && cpu.is_none()) || (has_memory && memory.is_none());
    ((has_cpu || has_memory) && !lost).then_some(Pressure { cpu, memory })
}

fn cpu(mut fields: Fields<'_>) -> Option<CpuPressure> {
    let threads = fields.get("threads", threads);
    let duty = fields.get("duty", positive_share);
    fields.finish();
    Some(CpuPressure { threads: threads?, duty: duty? })
}

fn threads(node: &Node) -> Read<PressingThreads> {
    match &node.value {
        Value::Text(text) | Value::Filled(text) if text == "all" => Ok(PressingThreads::All),
        Value::Text(text) => {
            wrong(node, format!("cannot be `{text}`"), "neither a number nor `all`", THREADS_HELP)
        }
        Value::Integer(_) | Value::Filled(_) => {
            at_most(node, MOST_THREADS, THREADS_HELP).map(PressingThreads::Number)
        }
        _ => mismatch(node, "a number of threads", THREADS_HELP),
    }
}

fn memory(mut fields: Fields<'_>) -> Option<MemoryPressure> {
    // first, so that it is told from a misspelt amount
    let keep_free = fields.get("keep_free", leaf::bytes);
    let both = "keep one: a size, or a share of the memory that there is";
    let amount = match fields.variant(&["size", "share"], MEMORY_HELP, both) {
        Some("size") => fields.get("size", positive_bytes).map(MemoryAmount::Bytes),
        Some(_) => fields.get("share", positive_share).map(MemoryAmount::Share),
        None => None,
    };
    fields.finish();
    Some(MemoryPressure { amount: amount?, keep_free_bytes: keep_free? })
}

fn positive_share(node: &Node) -> Read<f64> {
    let share = leaf::share(node)?;
    if share > 0.0 {
        return Ok(share);
    }
    wrong(node, "must be above 0", "no pressure at all", "write a share such as `\"50%\"`")
}

fn positive_bytes(node: &Node) -> Read<u64> {
    let bytes = leaf::bytes(node)?;
    if bytes > 0 {
        return Ok(bytes);
    }
    wrong(node, "must be above 0", "no pressure at all", "write a size such as `\"1GiB\"`")
}
