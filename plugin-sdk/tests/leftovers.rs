//! What a plugin leaves behind in its library: memory, counted by the feature `memory`, and threads.
//!
//! A program of its own without a test harness, whose threads and memory would be in the numbers. It is the host of one
//! plugin, calls it through its tables as a host does, and ends each thread it called it from.
#![expect(clippy::disallowed_methods, reason = "the plugin of the test spawns on the runtime that a plugin has")]
#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use plugin_sdk::prelude::*;
use plugin_sdk::testing::block_on;
use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::head::Head;
use plugin_sdk_abi::{
    Chunk, Failure, FfiFuture, FutureExt as _, HostHandle, HostTable, HostTableRef, LibHeader, PluginHandle,
    PluginRootRef, RResult, Response as AbiResponse, Start, hook, log_level,
};

/// The maximum that one generation may leave behind.
const MAX_LEFT: u64 = 1024;

#[derive(serde::Deserialize)]
struct Settings {
    /// What the plugin does wrong.
    #[serde(default)]
    fault: String,
}

struct Busy {
    fault: String,
}

#[plugin]
impl Busy {
    #[validate]
    async fn validate(Configuration(settings): Configuration<Settings>) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match &*settings.fault {
            "validate panics" => panic!("validate"),
            "validate hangs" => hang().await,
            _ => Ok(()),
        }
    }

    #[start]
    async fn start(Configuration(settings): Configuration<Settings>) -> Result<Busy> {
        info!("starting");
        tokio::spawn(std::future::pending::<()>());
        tokio::task::spawn_blocking(|| info!("on a thread for work that blocks")).await?;
        match &*settings.fault {
            "start fails" => Err(Error::internal("start")),
            "start panics" => panic!("start"),
            "start hangs" => hang().await,
            _ => Ok(Busy { fault: settings.fault }),
        }
    }

    #[post("/work")]
    async fn work(&self, body: String) -> Result<String> {
        let span = tracing::info_span!("work", bytes = body.len());
        info!(parent: &span, "begins");
        let spawned = tokio::spawn(async move {
            info!("spawned");
            body
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        span.in_scope(|| info!("ends"));
        Ok(spawned.await?)
    }

    #[get("/stream")]
    async fn stream(&self) -> StreamBody<impl futures_util::Stream<Item = Result<String>> + use<>> {
        StreamBody(futures_util::stream::iter((0..3).map(|n| Ok(format!("{n}")))))
    }

    #[get("/panics")]
    async fn panics(&self) -> String {
        let number = self.fault.len();
        panic!("a text that is {number} made for it")
    }

    #[stop]
    async fn stop(&self) -> Result<()> {
        match &*self.fault {
            "stop fails" => Err(Error::internal("stop")),
            "stop panics" => panic!("stop"),
            "stop hangs" => hang().await,
            _ => Ok(()),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.fault == "drop panics" {
            panic!("drop");
        }
    }
}

/// The plugin hangs, which it does on the thread that polls it.
static HANGS: AtomicBool = AtomicBool::new(false);

async fn hang<T>() -> T {
    HANGS.store(true, Ordering::Relaxed);
    std::future::pending().await
}

plugin_sdk::export!(Busy);

fn main() {
    let root = open();
    let memory = root.memory().expect("this SDK has `memory`");
    // SAFETY: it may be called at any time.
    let live = || unsafe { memory() }.live_bytes;

    // The first time is what counts: in a host each generation has a copy of the library, with statics of its own.
    let before = live();
    let validated = elsewhere(move || validate(root, ""));
    assert_eq!(validated, Ok(()));
    let after_validate = live();
    elsewhere(move || serve(root));
    let left = live() - before;
    println!("left behind: {left} bytes, of which {} by `validate`", after_validate - before);
    assert!(left <= MAX_LEFT, "{left} bytes are left behind");
    assert!(EVENTS.load(Ordering::Relaxed) >= 8, "the plugin has logged");

    // Later generations leave nothing more behind.
    let after_one = live();
    for fault in ["", "stop fails", "stop panics", "stop hangs", "drop panics"] {
        elsewhere(move || start_and_stop(root, fault));
        assert_eq!(live(), after_one, "left behind after `{fault}`");
    }
    for fault in ["start fails", "start panics", "start hangs"] {
        elsewhere(move || start_in_vain(root, fault));
        assert_eq!(live(), after_one, "left behind after `{fault}`");
    }
    for fault in ["validate panics", "validate hangs"] {
        elsewhere(move || assert!(validate(root, fault).is_err()));
        assert_eq!(live(), after_one, "left behind after `{fault}`");
    }
    elsewhere(move || never_poll(root));
    assert_eq!(live(), after_one, "left behind by futures that were not polled");
    elsewhere(move || serve(root));
    assert_eq!(live(), after_one);
}

/// Runs `work` on a thread that has ended, with all of its thread-locals, when this returns.
fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let before = threads();
    let result = thread::Builder::new().name("host".to_owned()).spawn(work).unwrap().join().unwrap();
    assert_eq!(threads(), before, "all threads of the plugin have ended");
    result
}

/// The names of the threads of this program, but for those that are the host's.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let mut names: Vec<_> = stats.filter_map(|stat| name_of_running(&stat)).filter(|name| name != "host").collect();
    names.sort();
    names
}

/// The name of a thread, unless it is on its way out of the kernel: one that was joined may still be listed for a
/// moment.
fn name_of_running(stat: &str) -> Option<String> {
    const PF_EXITING: u32 = 4;
    let (start, rest) = stat.rsplit_once(") ")?;
    // After the name come the state, parent, group, session, terminal, its group, and the flags.
    let flags: u32 = rest.split(' ').nth(6)?.parse().ok()?;
    let (_, name) = start.split_once(" (")?;
    (flags & PF_EXITING == 0).then(|| name.to_owned())
}

fn has_threads() -> bool {
    threads().iter().any(|name| name.ends_with("-rt") || name.ends_with("-block"))
}

fn open() -> PluginRootRef {
    #[allow(improper_ctypes, reason = "only its address is taken")]
    unsafe extern "C" {
        #[link_name = "_1as_0lib_1header_0root_bmodule_bloader"]
        static HEADER: LibHeader;
    }
    // SAFETY: this is what `export!` has made of the plugin above, and this program is never unmapped.
    unsafe { plugin_sdk_abi::open_root((&raw const HEADER).cast(), plugin_sdk_abi::ABI_MINOR) }.unwrap()
}

fn validate(root: PluginRootRef, fault: &str) -> Result<(), String> {
    let prepare = root.prepare().expect("this SDK has `prepare`");
    // SAFETY: `prepare` accepts any argument.
    let asked = unsafe { prepare(hook::VALIDATE, configuration(fault)) };
    let result = if fault.ends_with("hangs") { give_up(asked) } else { block_on(asked).into_result() };
    assert!(!has_threads(), "`{fault}`: its threads have ended");
    result.map(drop).map_err(|failure| failure.message.to_string())
}

fn start(root: PluginRootRef, fault: &str) -> Result<PluginHandle, Failure> {
    let start = Start { host: host(), configuration: configuration(fault), generation: 1 };
    // SAFETY: `start` has a live host handle and a configuration that the plugin may free.
    let starting = unsafe { (root.start())(start) };
    if fault == "start hangs" { give_up(starting) } else { block_on(starting).into_result() }
}

/// Polls until the plugin hangs, and drops the future.
fn give_up<T>(mut future: FfiFuture<RResult<T, Failure>>) -> Result<T, Failure> {
    block_on(std::future::poll_fn(|context| {
        assert!(std::pin::Pin::new(&mut future).poll(context).is_pending(), "it hangs");
        if HANGS.swap(false, Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }));
    drop(future);
    Err(Failure::failed("given up"))
}

fn never_poll(root: PluginRootRef) {
    // SAFETY: any argument will do.
    drop(unsafe { (root.prepare().expect("this SDK has `prepare`"))(hook::VALIDATE, configuration("")) });
    assert!(!has_threads(), "`prepare`: its threads have ended");
    for configuration in [configuration(""), Chunk::from_static(b"no JSON")] {
        let start = Start { host: host(), configuration, generation: 1 };
        // SAFETY: `start` is made as it wants it.
        drop(unsafe { (root.start())(start) });
        assert!(!has_threads(), "`start`: its threads have ended");
    }
    let plugin = start(root, "").unwrap();
    // SAFETY: handle and table belong together, and the plugin is not released.
    drop(unsafe { (plugin.table.stop())(plugin.plugin) });
    assert!(!has_threads(), "`stop`: its threads have ended");
    // SAFETY: this is the last use.
    unsafe { (plugin.table.release())(plugin.plugin) };
    // A plugin that is not stopped at all.
    let plugin = start(root, "").unwrap();
    // SAFETY: this is the last use.
    unsafe { (plugin.table.release())(plugin.plugin) };
    assert!(!has_threads(), "`release`: its threads have ended");
}

fn start_in_vain(root: PluginRootRef, fault: &str) {
    assert!(start(root, fault).is_err());
    assert!(!has_threads(), "`{fault}`: its threads have ended");
}

fn start_and_stop(root: PluginRootRef, fault: &str) {
    let plugin = start(root, fault).unwrap();
    assert!(has_threads());
    stop(plugin, fault);
}

fn serve(root: PluginRootRef) {
    let plugin = start(root, "").unwrap();
    // One after the other and several at once, on threads that end, as workers of a host do in the end.
    for _ in 0..2 {
        let worker = |_| thread::Builder::new().name("host".to_owned()).spawn(move || work(plugin)).unwrap();
        let workers: Vec<_> = (0..4).map(worker).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
    stop(plugin, "");
}

fn work(plugin: PluginHandle) {
    for _ in 0..50 {
        // Handlers by their order above.
        let worked = call(plugin, 0, &[b'x'; 300]).unwrap();
        assert_eq!((worked.status, worked.body.len()), (200, 300));
    }
    let streamed = call(plugin, 1, b"").unwrap();
    let mut stream = streamed.stream.into_option().expect("a stream");
    let mut text = streamed.body.to_vec();
    block_on(std::future::poll_fn(|context| {
        while let Some(item) = std::task::ready!(stream.poll_next(context)) {
            text.extend_from_slice(&item.unwrap());
        }
        Poll::Ready(())
    }));
    assert_eq!(text, b"012");
    let panicked = call(plugin, 2, b"").err().unwrap();
    assert!(panicked.location.contains("leftovers.rs"), "{panicked:?}");
}

fn call(plugin: PluginHandle, handler: u32, body: &[u8]) -> Result<AbiResponse, Failure> {
    let head = Head {
        handler,
        deadline_ms: None,
        method: "POST",
        path: "/",
        query: None,
        peer: "",
        request_id: "1",
        params: std::iter::empty(),
        headers: [(&b"content-type"[..], &b"text/plain"[..])].into_iter(),
        context: std::iter::empty(),
    };
    let (head, body) = (Chunk::from_vec(head.write()), Chunk::from_vec(body.to_vec()));
    let request = plugin_sdk_abi::Request { head, body, stream: plugin_sdk_abi::ROption::RNone };
    // SAFETY: handle and table belong together, and the plugin is not released.
    block_on(unsafe { (plugin.table.call())(plugin.plugin, request) }).into_result()
}

fn stop(plugin: PluginHandle, fault: &str) {
    // SAFETY: handle and table belong together, and the plugin is not released.
    let stopping = unsafe { (plugin.table.stop())(plugin.plugin) };
    let stopped = if fault == "stop hangs" { give_up(stopping) } else { block_on(stopping).into_result() };
    assert_eq!(stopped.is_err(), fault.starts_with("stop"));
    assert!(!has_threads(), "`{fault}`: its threads have ended");
    // SAFETY: this is the last use.
    unsafe { (plugin.table.release())(plugin.plugin) };
}

fn configuration(fault: &str) -> Chunk {
    Chunk::from_vec(json!({ "fault": fault }).to_string().into_bytes())
}

/// Events that the plugin sent.
static EVENTS: AtomicU32 = AtomicU32::new(0);

/// A host that counts events, and keeps nothing.
fn host() -> HostHandle {
    const TABLE: &WithMetadata<HostTable> =
        &WithMetadata::new(HostTable { log, release, log_level: level, event, metric, measure, request });
    unsafe extern "C" fn log(_: *const (), _: u8, _: *const u8, _: usize) {}
    unsafe extern "C" fn release(_: *const ()) {}
    unsafe extern "C" fn level(_: *const ()) -> u8 {
        log_level::INFO
    }
    unsafe extern "C" fn event(_: *const (), _: u8, _: *const u8, _: usize) {
        EVENTS.fetch_add(1, Ordering::Relaxed);
    }
    unsafe extern "C" fn metric(_: *const (), _: *const u8, _: usize) -> RResult<u64, Failure> {
        RResult::ROk(1)
    }
    unsafe extern "C" fn measure(_: *const (), _: u64, _: u8, _: f64) {}
    unsafe extern "C" fn request(_: *const (), _: plugin_sdk_abi::Request) -> FfiFuture<RResult<AbiResponse, Failure>> {
        async { RResult::RErr(Failure::failed("this host has no services")) }.into_ffi()
    }
    // SAFETY: the functions ignore the pointer to the host.
    unsafe { HostHandle::new(std::ptr::dangling(), HostTableRef(TABLE.static_as_prefix())) }
}
