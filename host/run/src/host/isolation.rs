//! The isolation of plugins, and the means of isolation of this machine. Both are read from the system at each request.

use std::fs;

use crate::state::Host;

/// The isolation of plugins from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The mode in which plugins run.
    pub mode: &'static str,
    /// The number of plugins that serve in the process of the host.
    pub in_process: usize,
    /// The means of isolation.
    pub layers: Vec<IsolationLayer>,
}

/// A means of isolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationLayer {
    /// The name.
    pub name: &'static str,
    /// Whether the machine has it; `None` if the system does not report it.
    pub available: Option<bool>,
    /// Whether it is active for the process of the host, and thus for its plugins; `None` if the system does not report
    /// it.
    pub active: Option<bool>,
    /// The details.
    pub detail: String,
}

impl Host {
    /// The present isolation of plugins. Blocks for a few small reads.
    pub fn isolation(&self) -> Isolation {
        Isolation { mode: "in-process", in_process: self.0.roster.len(), layers: layers(&Machine::read()) }
    }
}

/// The values that the system reports about itself and this process.
#[derive(Default)]
struct Machine {
    /// The content of `/proc/self/status`.
    status: String,
    /// The active security modules of the kernel.
    lsm: Option<String>,
    /// The available actions of seccomp filters.
    seccomp_actions: Option<String>,
    /// The limit of user namespaces.
    max_user_namespaces: Option<String>,
    /// The controllers of the cgroup of this process.
    cgroup_controllers: Option<String>,
}

impl Machine {
    fn read() -> Machine {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        Machine {
            status: read("/proc/self/status").unwrap_or_default(),
            lsm: read("/sys/kernel/security/lsm"),
            seccomp_actions: read("/proc/sys/kernel/seccomp/actions_avail"),
            max_user_namespaces: read("/proc/sys/user/max_user_namespaces"),
            cgroup_controllers: read("/sys/fs/cgroup/cgroup.controllers"),
        }
    }

    /// A number of `/proc/self/status`.
    fn status(&self, key: &str) -> Option<u64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().parse().ok()
    }
}

fn layers(machine: &Machine) -> Vec<IsolationLayer> {
    let seccomp = machine.status("Seccomp");
    let has_landlock = machine.lsm.as_ref().map(|lsm| lsm.split(',').any(|module| module == "landlock"));
    let n_namespaces = machine.max_user_namespaces.as_ref().and_then(|text| text.parse::<u64>().ok());
    vec![
        IsolationLayer {
            name: "child_process",
            available: Some(true),
            active: Some(false),
            detail: "a new library is opened in a child process first; plugins then run in the host process".to_owned(),
        },
        IsolationLayer {
            name: "seccomp",
            available: machine.seccomp_actions.as_ref().map(|actions| !actions.is_empty()).or(seccomp.map(|_| true)),
            active: seccomp.map(|mode| mode != 0),
            detail: match seccomp {
                Some(0) => "no system call filter".to_owned(),
                Some(_) => "a system call filter set by the process that started the host".to_owned(),
                None => "not reported by the system".to_owned(),
            },
        },
        IsolationLayer {
            name: "no_new_privileges",
            available: machine.status("NoNewPrivs").map(|_| true),
            active: machine.status("NoNewPrivs").map(|flag| flag == 1),
            detail: "prevents started programs from gaining privileges".to_owned(),
        },
        IsolationLayer {
            name: "landlock",
            available: has_landlock,
            active: has_landlock.map(|_| false),
            detail: match &machine.lsm {
                Some(lsm) => format!("security modules: {lsm}; the host sets no Landlock rules"),
                None => "the security modules are not reported by the system".to_owned(),
            },
        },
        IsolationLayer {
            name: "user_namespaces",
            available: n_namespaces.map(|count| count > 0),
            active: Some(false),
            detail: match n_namespaces {
                Some(count) => format!("at most {count} user namespaces; the host creates none"),
                None => "not reported by the system".to_owned(),
            },
        },
        IsolationLayer {
            name: "cgroup",
            available: Some(machine.cgroup_controllers.is_some()),
            active: Some(false),
            detail: match &machine.cgroup_controllers {
                Some(controllers) => format!("controllers: {controllers}; plugins have no cgroup of their own"),
                None => "no unified cgroup hierarchy".to_owned(),
            },
        },
    ]
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn shown(machine: &Machine) -> String {
        let word = |flag: Option<bool>| flag.map_or("?", |flag| if flag { "yes" } else { "no" });
        let line = |layer: IsolationLayer| {
            let IsolationLayer { name, available, active, detail } = layer;
            format!("{name}: available {}, active {}: {detail}\n", word(available), word(active))
        };
        layers(machine).into_iter().map(line).collect()
    }

    #[test]
    fn unreported_values_are_unknown() {
        expect![[r#"
            child_process: available yes, active no: a new library is opened in a child process first; plugins then run in the host process
            seccomp: available ?, active ?: not reported by the system
            no_new_privileges: available ?, active ?: prevents started programs from gaining privileges
            landlock: available ?, active ?: the security modules are not reported by the system
            user_namespaces: available ?, active no: not reported by the system
            cgroup: available no, active no: no unified cgroup hierarchy
        "#]].assert_eq(&shown(&Machine::default()));
    }

    #[test]
    fn reported_values_are_shown() {
        let text = |text: &str| Some(text.to_owned());
        let machine = Machine {
            status: "Name:\thost\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1".to_owned(),
            lsm: text("capability,landlock,yama"),
            seccomp_actions: text("kill_process allow"),
            max_user_namespaces: text("0"),
            cgroup_controllers: text("cpu memory"),
        };
        expect![[r#"
            child_process: available yes, active no: a new library is opened in a child process first; plugins then run in the host process
            seccomp: available yes, active yes: a system call filter set by the process that started the host
            no_new_privileges: available yes, active yes: prevents started programs from gaining privileges
            landlock: available yes, active no: security modules: capability,landlock,yama; the host sets no Landlock rules
            user_namespaces: available no, active no: at most 0 user namespaces; the host creates none
            cgroup: available yes, active no: controllers: cpu memory; plugins have no cgroup of their own
        "#]].assert_eq(&shown(&machine));
    }
}
