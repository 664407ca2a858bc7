//! The isolation of plugins, and the means of isolation of this machine. Both are read from the system at each request.

use std::fs;

use host_core::manifest::Placement;

use crate::state::Host;

/// The isolation of plugins from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The mode in which plugins run.
    pub mode: &'static str,
    /// The number of plugins that serve in the process of the host.
    pub in_process: usize,
    /// The number of plugins that serve in child processes.
    pub isolated: usize,
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
    /// The current isolation of plugins. Blocks for a few small reads.
    pub fn isolation(&self) -> Isolation {
        let serving = self.0.roster.all();
        let is_isolated = |placement: Placement| placement == Placement::Isolated;
        let isolated = serving.iter().filter(|generation| is_isolated(generation.manifest.security.placement)).count();
        let has_trial = self.config().trial.is_some();
        Isolation {
            mode: if isolated == 0 { "in-process" } else { "mixed" },
            in_process: serving.len() - isolated,
            isolated,
            layers: layers(&Machine::read(), has_trial, isolated > 0),
        }
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
    /// The content of `/proc/self/uid_map`.
    uid_map: Option<String>,
    /// The content of `/proc/self/cgroup`.
    cgroup: Option<String>,
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
            uid_map: read("/proc/self/uid_map"),
            cgroup: read("/proc/self/cgroup"),
        }
    }

    /// A number of `/proc/self/status`.
    fn status(&self, key: &str) -> Option<u64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().parse().ok()
    }
}

/// The means of isolation. `has_trial` says whether new libraries are opened in a child process first, and
/// `has_children` whether plugins serve in child processes.
fn layers(machine: &Machine, has_trial: bool, has_children: bool) -> Vec<IsolationLayer> {
    let seccomp = machine.status("Seccomp");
    let has_landlock = machine.lsm.as_ref().map(|lsm| lsm.split(',').any(|module| module == "landlock"));
    let n_namespaces = machine.max_user_namespaces.as_ref().and_then(|text| text.parse::<u64>().ok());
    vec![
        IsolationLayer {
            name: "child_process",
            available: Some(has_trial),
            active: Some(has_children),
            detail: if has_trial {
                "a new library is opened in a child process first; plugins then run in the host process".to_owned()
            } else {
                "plugins are opened and run in the host process".to_owned()
            },
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
            // Linux does not report whether a process is restricted by Landlock.
            active: None,
            detail: match &machine.lsm {
                Some(lsm) => format!("security modules: {lsm}; the host sets no Landlock rules"),
                None => "the security modules are not reported by the system".to_owned(),
            },
        },
        IsolationLayer {
            name: "user_namespaces",
            available: n_namespaces.map(|count| count > 0),
            active: machine.uid_map.as_deref().map(|map| !is_initial_namespace(map)),
            detail: match n_namespaces {
                Some(count) => format!("at most {count} user namespaces; the host creates none"),
                None => "not reported by the system".to_owned(),
            },
        },
        IsolationLayer {
            name: "cgroup",
            available: Some(machine.cgroup_controllers.is_some()),
            active: machine.cgroup.as_deref().map(|groups| groups.lines().any(|line| !line.ends_with(":/"))),
            detail: match &machine.cgroup_controllers {
                Some(controllers) => format!("controllers: {controllers}; plugins have no cgroup of their own"),
                None => "no unified cgroup hierarchy".to_owned(),
            },
        },
    ]
}

/// Returns whether a `uid_map` is the identity of the initial user namespace: it maps all ids to themselves.
fn is_initial_namespace(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
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
        layers(machine, true, false).into_iter().map(line).collect()
    }

    #[test]
    fn unreported_values_are_unknown() {
        expect![[r#"
            child_process: available yes, active no: a new library is opened in a child process first; plugins then run in the host process
            seccomp: available ?, active ?: not reported by the system
            no_new_privileges: available ?, active ?: prevents started programs from gaining privileges
            landlock: available ?, active ?: the security modules are not reported by the system
            user_namespaces: available ?, active ?: not reported by the system
            cgroup: available no, active ?: no unified cgroup hierarchy
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
            uid_map: text("0 1000 1"),
            cgroup: text("0::/system.slice/plugin-host.service"),
        };
        expect![[r#"
            child_process: available yes, active no: a new library is opened in a child process first; plugins then run in the host process
            seccomp: available yes, active yes: a system call filter set by the process that started the host
            no_new_privileges: available yes, active yes: prevents started programs from gaining privileges
            landlock: available yes, active ?: security modules: capability,landlock,yama; the host sets no Landlock rules
            user_namespaces: available no, active yes: at most 0 user namespaces; the host creates none
            cgroup: available yes, active yes: controllers: cpu memory; plugins have no cgroup of their own
        "#]].assert_eq(&shown(&machine));
    }
}
