//! The resource usage of the process, under the standard names of Prometheus.

use prometheus::{Counter, IntGauge, Registry};

use crate::metrics::MetricFactory;

/// The unit of CPU times in `/proc`: USER_HZ, which is 100 on Linux whatever the kernel's own tick rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// The resource usage of the process.
pub(super) struct ProcessMetrics {
    cpu: Counter,
    resident: IntGauge,
    open_files: IntGauge,
    max_files: IntGauge,
    threads: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> ProcessMetrics {
        let make = MetricFactory(registry);
        ProcessMetrics {
            cpu: make.seconds_total("process_cpu_seconds_total", "User and system CPU time of the process, in seconds"),
            resident: make.gauge("process_resident_memory_bytes", "Resident memory of the process, in bytes"),
            open_files: make.gauge("process_open_fds", "Open file descriptors"),
            max_files: make.gauge("process_max_fds", "Maximum number of open file descriptors"),
            threads: make.gauge("process_threads", "Threads of the process"),
        }
    }

    /// Reads the current values. A value that the kernel does not report keeps its old value.
    pub(super) fn read(&self) {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some((cpu, threads)) = parse_stat(&stat) {
            self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
            self.threads.set(threads);
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(kilobytes) = number_after(&status, "VmRSS:") {
            self.resident.set(kilobytes * 1024);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            // One of the descriptors is the open directory itself.
            self.open_files.set(i64::try_from(files.count().saturating_sub(1)).unwrap_or(i64::MAX));
        }
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        if let Some(most) = number_after(&limits, "Max open files") {
            self.max_files.set(most);
        }
    }
}

/// CPU seconds and number of threads, from a line of `/proc/self/stat`.
fn parse_stat(stat: &str) -> Option<(f64, i64)> {
    // The program name may contain any character, including spaces and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<i64>().ok();
    Some(((field(14)? + field(15)?) as f64 / TICKS_PER_SECOND, field(20)?))
}

fn number_after(text: &str, name: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_contain_brackets_and_spaces() {
        let stat = "7 (a) b 9) S 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 12 0 5 0 0";
        assert_eq!(parse_stat(stat), Some((3.0, 12)));
        assert_eq!((parse_stat(""), parse_stat("7 (a) S 1")), (None, None));
        assert_eq!(number_after("VmPeak:\t1 kB\nVmRSS:\t  42 kB\n", "VmRSS:"), Some(42));
    }

    #[test]
    fn the_metrics_of_this_process_are_read() {
        let metrics = ProcessMetrics::new(&Registry::new());
        metrics.read();
        assert!(metrics.resident.get() > 1 << 20 && metrics.open_files.get() > 2 && metrics.threads.get() > 0);
    }
}
