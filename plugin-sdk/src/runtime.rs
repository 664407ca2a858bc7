//! The tokio runtime of a plugin: timers, sockets and spawned tasks on one thread.
//!
//! Handlers do not run here: the host polls them on its workers, with this runtime entered. Without the feature `tokio`
//! there is no runtime, and these items do nothing.

#[cfg(feature = "tokio")]
pub(crate) use with_tokio::Runtime;
#[cfg(not(feature = "tokio"))]
pub(crate) use without_tokio::Runtime;

#[cfg(feature = "testing")]
thread_local! {
    /// Whether the next runtime created on this thread has a paused clock; set by the test kit.
    pub(crate) static STARTS_PAUSED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[cfg(feature = "tokio")]
mod with_tokio {
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use tokio::runtime::Builder;
    use tokio::sync::oneshot;

    #[cfg(feature = "testing")]
    use super::STARTS_PAUSED;
    use crate::handle::Handle;
    use crate::plugin_runtime::PluginRuntime;
    use crate::scope::Scope;
    use crate::{Error, Level, Result};

    /// The time for blocking tasks to end when the plugin stops.
    const SHUTDOWN: Duration = Duration::from_secs(2);

    /// The time for blocking work to end before the tasks are dropped, since it may wait for a resource of a task.
    const BEFORE_TASKS: Duration = Duration::from_millis(100);

    /// A running runtime. Dropping it shuts it down.
    pub(crate) struct Runtime {
        handle: Handle,
        plugin_runtime: Arc<OnceLock<Weak<PluginRuntime>>>,
        thread: Mutex<Option<Running>>,
    }

    struct Running {
        stop: oneshot::Sender<()>,
        /// Closed, without a value, when the thread has ended.
        done: mpsc::Receiver<()>,
        thread: JoinHandle<()>,
        #[cfg(feature = "testing")]
        holds_clock: Option<mpsc::Sender<()>>,
    }

    impl Runtime {
        /// Starts a runtime on a thread named for the plugin's crate.
        pub(crate) fn start(name: &'static str) -> Result<Runtime> {
            let plugin_runtime = Arc::new(OnceLock::<Weak<PluginRuntime>>::new());
            let of_thread = plugin_runtime.clone();
            let mut builder = Builder::new_current_thread();
            // These are the threads of `spawn_blocking`; the thread that drives the runtime is separate.
            let blocking = Arc::new(Blocking::default());
            let (begins, ends) = (blocking.clone(), blocking.clone());
            builder.on_thread_start(move || {
                begins.begin();
                enter_plugin(&of_thread);
            });
            builder.on_thread_stop(move || {
                Scope::off_this_thread();
                ends.end();
            });
            builder.thread_name(thread_name(name, "-block")).enable_all();
            #[cfg(feature = "testing")]
            builder.start_paused(STARTS_PAUSED.get());
            let runtime = builder.build().map_err(|error| failed(&error))?;
            let handle = runtime.handle().clone();
            #[cfg(feature = "testing")]
            let holds_clock = STARTS_PAUSED.get().then(|| hold_clock(&handle));

            let (stop, stopped) = oneshot::channel::<()>();
            let (running, done) = mpsc::channel::<()>();
            let of_thread = plugin_runtime.clone();
            let drive = move || {
                // The thread ends when it is told to stop or when the sender is gone.
                let _ = runtime.block_on(stopped);
                enter_plugin(&of_thread);
                // Joins the threads that end in time, and then drops the tasks.
                runtime.shutdown_timeout(BEFORE_TASKS);
                if !blocking.wait() {
                    let name = thread_name(name, "-block");
                    tell_left_behind(PluginRuntime::current(), &name, "work in `spawn_blocking`");
                }
                Scope::off_this_thread();
                drop(running);
            };
            let thread = thread::Builder::new().name(thread_name(name, "-rt")).spawn(drive);
            let thread = thread.map_err(|error| failed(&error))?;
            let running = Running {
                stop,
                done,
                thread,
                #[cfg(feature = "testing")]
                holds_clock,
            };
            Ok(Runtime { handle, plugin_runtime, thread: Mutex::new(Some(running)) })
        }

        pub(crate) fn handle(&self) -> Handle {
            self.handle.clone()
        }

        /// Sets the plugin of this runtime, before anything is spawned on it.
        pub(crate) fn settle(&self, plugin_runtime: &Arc<PluginRuntime>) {
            if self.plugin_runtime.set(Arc::downgrade(plugin_runtime)).is_ok() {
                let plugin_runtime = self.plugin_runtime.clone();
                self.handle.spawn(async move { enter_plugin(&plugin_runtime) });
            }
        }

        /// Cancels all tasks and waits until the thread has ended, a little longer than two seconds at most: a task
        /// that blocks forever keeps its thread.
        pub(crate) fn shut_down(&self) {
            let running = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(running) = running else { return };
            #[cfg(feature = "testing")]
            drop(running.holds_clock);
            // The receiver is gone if the thread has already ended.
            let _ = running.stop.send(());
            if running.thread.thread().id() == thread::current().id() {
                return;
            }
            match running.done.recv_timeout(SHUTDOWN + Duration::from_millis(500)) {
                // A panic of the thread has been logged by the panic hook.
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    if let Err(payload) = running.thread.join() {
                        // Dropping the payload may panic again.
                        std::mem::forget(payload);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let name = running.thread.thread().name().unwrap_or_default();
                    tell_left_behind(self.plugin_runtime.get().and_then(Weak::upgrade), name, "a task");
                }
            }
        }
    }

    impl Drop for Runtime {
        fn drop(&mut self) {
            self.shut_down();
        }
    }

    /// The number of `spawn_blocking` threads.
    #[derive(Default)]
    struct Blocking {
        n_threads: Mutex<usize>,
        one_ended: Condvar,
    }

    impl Blocking {
        fn begin(&self) {
            *self.n_threads.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }

        fn end(&self) {
            *self.n_threads.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            self.one_ended.notify_all();
        }

        /// Waits until all have ended; `false` if some still work after two seconds.
        fn wait(&self) -> bool {
            let n_threads = self.n_threads.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.one_ended.wait_timeout_while(n_threads, SHUTDOWN, |n_threads| *n_threads > 0);
            *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
        }
    }

    fn tell_left_behind(plugin_runtime: Option<Arc<PluginRuntime>>, thread: &str, what: &str) {
        let Some(plugin_runtime) = plugin_runtime else { return };
        let text = format!(
            "{what} of this plugin still blocks the thread `{thread}` {} s after it was told to stop; the thread is left \
             behind. Use `tokio::task::spawn_blocking` for work that blocks, and end it in the stop hook",
            SHUTDOWN.as_secs()
        );
        plugin_runtime.event(Level::Error.number(), "plugin_sdk::runtime", &text, &[]);
    }

    /// Lets logging and services on this thread find their plugin.
    fn enter_plugin(plugin_runtime: &OnceLock<Weak<PluginRuntime>>) {
        if let Some(plugin_runtime) = plugin_runtime.get().and_then(Weak::upgrade) {
            Scope::new(plugin_runtime).on_this_thread();
        }
    }

    /// A paused clock would jump to the next timer whenever the runtime is idle, unless blocking work is running: this
    /// is such work, until the sender is dropped.
    #[cfg(feature = "testing")]
    fn hold_clock(handle: &Handle) -> mpsc::Sender<()> {
        let (sender, receiver) = mpsc::channel::<()>();
        handle.spawn_blocking(move || receiver.recv());
        sender
    }

    /// A thread name has at most 15 bytes on Linux.
    fn thread_name(name: &str, end: &str) -> String {
        let name: String = name.chars().filter(char::is_ascii).take(15 - end.len()).collect();
        name + end
    }

    fn failed(error: &std::io::Error) -> Error {
        Error::internal(format!("failed to start the plugin's runtime: {error}"))
    }
}

#[cfg(not(feature = "tokio"))]
mod without_tokio {
    use std::sync::Arc;

    use crate::Result;
    use crate::handle::Handle;
    use crate::plugin_runtime::PluginRuntime;

    /// Replaces the runtime.
    pub(crate) struct Runtime;

    impl Runtime {
        pub(crate) fn start(_: &'static str) -> Result<Runtime> {
            Ok(Runtime)
        }

        pub(crate) fn handle(&self) -> Handle {
            Handle
        }

        pub(crate) fn settle(&self, _: &Arc<PluginRuntime>) {}

        pub(crate) fn shut_down(&self) {}
    }
}
