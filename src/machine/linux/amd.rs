//! AMD's GPUs, by what the kernel's `amdgpu` shows of them
//! (<https://docs.kernel.org/gpu/amdgpu/driver-misc.html>, <https://docs.kernel.org/gpu/amdgpu/thermal.html>).

use super::{
    super::{Gpu, Notes, Source, Vendor},
    tree::Tree,
};

/// Where the kernel lists graphics devices.
const FOLDER: &str = "/sys/class/drm";
/// AMD's number among the makers of PCI devices.
const VENDOR: &str = "0x1002";
/// Names of PCI devices by their numbers, where the distribution has the list.
const NAMES: &[&str] = &["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/// Every GPU of AMD's. What one of them does not tell is noted.
pub(super) fn gpus(tree: &Tree, notes: &mut Notes) -> Vec<Gpu> {
    match cards(tree) {
        Ok(cards) => cards.iter().map(|card| gpu(tree, card, notes)).collect(),
        Err(why) => {
            notes.add(Source::Drm, "AMD GPUs", why);
            Vec::new()
        }
    }
}

/// What the kernel calls AMD's GPUs, such as `card1`.
///
/// # Errors
///
/// Why there are none, in words.
pub(crate) fn cards(tree: &Tree) -> Result<Vec<String>, String> {
    // `card0` is a device, `card0-DP-1` one of its sockets
    let device =
        |name: &&String| name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok());
    let of_amd =
        |card: &&String| tree.text(&format!("{}/vendor", folder(card))).is_ok_and(|vendor| vendor == VENDOR);
    let names = tree.names(FOLDER)?;
    let cards: Vec<String> = names.iter().filter(device).filter(of_amd).cloned().collect();
    if cards.is_empty() { Err(format!("`{FOLDER}` lists none")) } else { Ok(cards) }
}

/// Where the kernel tells of a card.
pub(crate) fn folder(card: &str) -> String {
    format!("{FOLDER}/{card}/device")
}

fn gpu(tree: &Tree, card: &str, notes: &mut Notes) -> Gpu {
    let folder = folder(card);
    let mut told = |what: &str, found| notes.keep(Source::Drm, format!("{what} of GPU {card}"), found);
    let number = tree.text(&format!("{folder}/device"));
    let name =
        tree.text(&format!("{folder}/product_name")).or_else(|_| number.map(|number| named(tree, &number)));
    let memory = told("memory", tree.number(&format!("{folder}/mem_info_vram_total")));
    let monitor = monitor(tree, card);
    let power = monitor.and_then(|monitor| tree.number(&format!("{monitor}/power1_cap")));
    // APUs have the file and no limit
    let power =
        power.and_then(|limit| if limit > 0 { Ok(limit) } else { Err("the device has none".to_owned()) });
    let power = told("power limit", power);
    let path = format!("{folder}/pp_dpm_sclk");
    let of_cores = clocks(tree, &path);
    let max_clock = told("highest clock", of_cores.as_ref().map(Clocks::highest).map_err(String::clone));
    // why there are none was just said
    let clock = of_cores.ok().and_then(|clocks| told("clock", clocks.now()));
    let path = format!("{folder}/pp_dpm_mclk");
    let max_memory_clock = told("highest memory clock", clocks(tree, &path).map(|clocks| clocks.highest()));
    let driver = tree.target(&format!("{folder}/driver")).unwrap_or_else(|| "amdgpu".to_owned());
    // only a driver that did not come with the kernel has a version of its own
    let version = tree.text(&format!("/sys/module/{driver}/version"));
    Gpu {
        name: name.unwrap_or_else(|_| "AMD GPU".to_owned()),
        memory_bytes: memory,
        driver: version.map(|version| format!("{driver} {version}")).unwrap_or(driver),
        vendor: Vendor::Amd,
        id: card.to_owned(),
        // microwatts
        power_limit_w: power.map(|microwatts| microwatts as f64 / 1e6),
        max_clock_mhz: max_clock.map(|mhz| mhz as u32),
        max_memory_clock_mhz: max_memory_clock.map(|mhz| mhz as u32),
        clock_mhz: clock.map(|mhz| mhz as u32),
        // CUDA is NVIDIA's
        cuda: None,
    }
}

/// Where the first monitor of a card is, `hwmon3` in its folder or so.
pub(crate) fn monitor(tree: &Tree, card: &str) -> Result<String, String> {
    let path = format!("{}/hwmon", folder(card));
    let name = tree.names(&path)?.into_iter().next().ok_or_else(|| format!("`{path}` is empty"))?;
    Ok(format!("{path}/{name}"))
}

/// The clocks that a device may have, in MHz, and which of them it has.
struct Clocks<'a> {
    path: &'a str,
    each: Vec<(u64, bool)>,
}

impl Clocks<'_> {
    fn highest(&self) -> u64 {
        self.each.iter().map(|(megahertz, _)| *megahertz).max().unwrap_or_default()
    }

    fn now(&self) -> Result<u64, String> {
        let now = self.each.iter().find(|(_, now)| *now).map(|(megahertz, _)| *megahertz);
        now.ok_or_else(|| format!("`{}` marks none as the present one", self.path))
    }
}

/// Lines such as `1: 2100Mhz *`, of which there is one at least; the star marks the one that it has.
fn clocks<'a>(tree: &Tree, path: &'a str) -> Result<Clocks<'a>, String> {
    let text = tree.text(path)?;
    let clock = |line: &str| {
        let number = line.split_whitespace().nth(1)?.to_lowercase().strip_suffix("mhz")?.parse().ok()?;
        Some((number, line.ends_with('*')))
    };
    let each: Vec<(u64, bool)> = text.lines().filter_map(clock).collect();
    if each.is_empty() { Err(format!("`{path}` has no frequency")) } else { Ok(Clocks { path, each }) }
}

/// The name of a device of AMD's by its number, such as `0x744c`: what it is sold as, which stands in brackets behind the
/// name of its chip. The number where there is no list.
fn named(tree: &Tree, number: &str) -> String {
    let list = NAMES.iter().find_map(|path| tree.text(path).ok()).unwrap_or_default();
    let digits = number.trim_start_matches("0x");
    // makers stand at the start of a line, their devices behind one tab, variants of those behind two
    let of_amd = list.lines().skip_while(|line| !line.starts_with(VENDOR.trim_start_matches("0x"))).skip(1);
    let mut devices = of_amd.take_while(|line| line.starts_with(['\t', '#']));
    let name = devices.find_map(|line| line.strip_prefix('\t')?.strip_prefix(digits)?.strip_prefix("  "));
    let sold = |name: &str| {
        let inside = name.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
        format!("AMD {}", inside.unwrap_or(name))
    };
    name.map_or_else(|| format!("AMD GPU {number}"), sold)
}
