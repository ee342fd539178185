//! The product, and whether it is a virtual machine: by the processor's flag, the firmware's tables (DMI, as
//! `systemd-detect-virt` reads them) and, on ARM, the device tree.

use super::{
    super::{Machine, Notes, Source},
    tree::Tree,
};

/// Where the firmware's tables are.
const DMI: &str = "/sys/class/dmi/id";

/// What hypervisors call the machines that they make.
const MADE_UP: &[(&str, &str)] = &[
    ("KVM", "KVM"),
    ("OpenStack", "KVM"),
    ("QEMU", "QEMU"),
    ("VMware", "VMware"),
    ("VirtualBox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("Xen", "Xen"),
    ("Bochs", "Bochs"),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Virtual Machine", "Hyper-V"),
    ("Apple Virtualization", "Apple Virtualization"),
    ("Firecracker", "Firecracker"),
];

/// Clouds that rent out bare metal under the same names.
const CLOUDS: &[(&str, &str)] = &[
    ("Amazon EC2", "Amazon Nitro"),
    ("Google Compute Engine", "Google Compute Engine (KVM)"),
    ("Alibaba Cloud", "Alibaba Cloud (KVM)"),
    ("DigitalOcean", "DigitalOcean (KVM)"),
];

/// Fills in product, whether the machine is a virtual one, and what makes it one. `flag`: see `cpu::look`.
pub(super) fn look(tree: &Tree, flag: Option<bool>, machine: &mut Machine, notes: &mut Notes) {
    let dmi = |name: &str| tree.text(&format!("{DMI}/{name}"));
    let product = match (dmi("sys_vendor"), dmi("product_name")) {
        (Ok(maker), Ok(product)) if product.starts_with(&maker) => Ok(product),
        (Ok(maker), Ok(product)) => Ok(format!("{maker} {product}")),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        (Err(why), Err(_)) => tree.text("/proc/device-tree/model").map_err(|_| why),
    };
    machine.product = notes.keep(Source::Firmware, "product", product);
    let told: Vec<String> = ["sys_vendor", "product_name", "board_vendor", "bios_vendor"]
        .iter()
        .filter_map(|name| dmi(name).ok())
        .collect();
    let named = |names: &[(&str, &str)]| {
        let found = names.iter().find(|(word, _)| told.iter().any(|text| text.contains(word)));
        found.map(|(_, name)| (*name).to_owned())
    };
    let cloud = named(CLOUDS);
    // no processor of ARM has such a flag: there a cloud's machine is taken for a virtual one unless it is called metal
    let metal = flag == Some(false) || flag.is_none() && told.iter().any(|text| text.ends_with("metal"));
    let name = tell_tale(tree).or_else(|| cloud.filter(|_| !metal)).or_else(|| named(MADE_UP));
    if controls(tree) {
        machine.virtual_machine = Some(false);
        return;
    }
    machine.virtual_machine = match (&name, flag) {
        (Some(_), _) | (None, Some(true)) => Some(true),
        (None, Some(false)) => Some(false),
        (None, None) => (!told.is_empty()).then_some(false),
    };
    match (machine.virtual_machine, name) {
        (Some(true), None) => {
            notes.add(
                Source::Firmware,
                "hypervisor",
                format!("the CPU has its flag, and nothing under `{DMI}` names it"),
            );
        }
        (None, _) => {
            let why = format!("neither a flag of the CPU nor anything under `{DMI}` tells");
            notes.add(Source::Firmware, "virtual machine", why);
        }
        (_, name) => machine.hypervisor = name,
    }
}

/// Whether it is the domain that controls the guests of Xen. It runs on that hypervisor and has the whole machine.
fn controls(tree: &Tree) -> bool {
    tree.text("/proc/xen/capabilities").is_ok_and(|told| told.contains("control_d"))
}

/// What only guests of one hypervisor have.
fn tell_tale(tree: &Tree) -> Option<String> {
    let kernel = tree.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    if kernel.to_lowercase().contains("microsoft") {
        return Some("Hyper-V (WSL)".to_owned());
    }
    if tree.text("/sys/hypervisor/type").is_ok_and(|kind| kind == "xen") {
        return Some("Xen".to_owned());
    }
    let compatible = tree.text("/proc/device-tree/hypervisor/compatible").ok()?;
    let name = if compatible.contains("kvm") { "KVM" } else { compatible.split('\0').next()? };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_machine_is_known_by_flag_and_names() {
        for (flag, vendor, product, virtual_machine, hypervisor) in [
            (Some(true), "QEMU", "Standard PC (Q35 + ICH9, 2009)", Some(true), Some("QEMU")),
            (Some(true), "VMware, Inc.", "VMware7,1", Some(true), Some("VMware")),
            (Some(true), "innotek GmbH", "VirtualBox", Some(true), Some("VirtualBox")),
            (Some(true), "Microsoft Corporation", "Virtual Machine", Some(true), Some("Hyper-V")),
            (Some(true), "Google", "Google Compute Engine", Some(true), Some("Google Compute Engine (KVM)")),
            (Some(true), "A vendor", "of no name", Some(true), None),
            // its flag can be hidden from a guest, but who makes such a machine
            (Some(false), "QEMU", "Standard PC", Some(true), Some("QEMU")),
            (Some(false), "Amazon EC2", "m5.metal", Some(false), None),
            (Some(false), "Microsoft Corporation", "Surface Laptop", Some(false), None),
            (Some(false), "", "", Some(false), None),
            // on ARM
            (None, "Amazon EC2", "c7g.metal", Some(false), None),
            (None, "Amazon EC2", "c7g.large", Some(true), Some("Amazon Nitro")),
            (None, "GIGABYTE", "R152-P30", Some(false), None),
            (None, "", "", None, None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let dmi = folder.path().join(DMI.trim_start_matches('/'));
            std::fs::create_dir_all(&dmi).expect("a folder in it");
            std::fs::write(dmi.join("sys_vendor"), vendor).expect("a file");
            std::fs::write(dmi.join("product_name"), product).expect("a file");
            let (mut machine, mut notes) = (Machine::default(), Notes::default());
            look(&Tree::new(folder.path()), flag, &mut machine, &mut notes);
            let found = (machine.virtual_machine, machine.hypervisor.as_deref());
            assert_eq!(found, (virtual_machine, hypervisor), "{flag:?} {vendor} {product}");
        }
    }
}
