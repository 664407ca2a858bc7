//! Calls between plugins, and log lines.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use host_core::PluginId;
use host_load::service::CALL;
use host_load::{LogEvent, LogLevel, ServiceBody, ServiceRequest, ServiceResponse, Services as _};
use host_services::CallPlugin;
use http::Response;

use crate::support::{ALL, TestHost, ask};

/// Answers every call and records caller and path.
#[derive(Default)]
struct Echo {
    calls: Mutex<Vec<String>>,
}

impl CallPlugin for Echo {
    fn call(&self, caller: &PluginId, request: ServiceRequest) -> ServiceResponse {
        let ServiceRequest { method, path, query, depth, .. } = &request;
        self.calls.lock().unwrap().push(format!("{caller} {method} {path} {query:?} {depth}"));
        Box::pin(async { Response::new(ServiceBody::default()) })
    }
}

#[tokio::test]
async fn a_call_is_passed_to_the_registered_receiver() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let call = |path: &str, depth| {
        ask(CALL, "PATCH").path(path).with(|request| (request.query, request.depth) = (Some("q=1".to_owned()), depth))
    };
    assert_eq!(call("/two/x", 0).of(&plugin).await.refusal().1, "call_unavailable");
    let echo = Arc::new(Echo::default());
    host.services.set_calls(echo.clone());
    assert_eq!(call("/two/x/y", 0).of(&plugin).await.status, 200);
    assert_eq!(call("/two/", 7).of(&plugin).await.status, 200);
    let (status, code, _) = call("/two/x", 8).of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (508, "call_loop"));
    for path in ["/two", "two/x", "/", "", "//x", "/a b/x", "/../x"] {
        assert_eq!(call(path, 0).of(&plugin).await.refusal().1, "call_bad_path", "{path}");
    }
    let expected = ["one PATCH /two/x/y Some(\"q=1\") 1", "one PATCH /two/ Some(\"q=1\") 8"];
    assert_eq!(*echo.calls.lock().unwrap(), expected);
}

fn is_pending(answer: &mut ServiceResponse) -> bool {
    answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// Never answers.
struct Silent;

impl CallPlugin for Silent {
    fn call(&self, _: &PluginId, _: ServiceRequest) -> ServiceResponse {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn concurrent_calls_are_limited() {
    let host = TestHost::start().await;
    host.services.set_calls(Arc::new(Silent));
    let plugin = host.plugin("one", ALL);
    let mut waiting: Vec<_> =
        (0..256).map(|_| plugin.services.request(ask(CALL, "GET").path("/two/x").request())).collect();
    for call in &mut waiting {
        assert!(is_pending(call));
    }
    let (status, code, _) = ask(CALL, "GET").path("/two/x").of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (503, "call_too_many"));
    waiting.pop();
    let mut next = plugin.services.request(ask(CALL, "GET").path("/two/x").request());
    assert!(is_pending(&mut next));
}

#[tokio::test]
async fn log_lines_carry_plugin_and_generation_and_need_no_permission() {
    let host = TestHost::start().await;
    let plugin = host.generation("one", 7, "");
    assert_eq!(plugin.services.log_level(), LogLevel::Debug);
    let event = LogEvent {
        level: LogLevel::Warn,
        target: "one::x",
        message: "m",
        fields: &[("a", "1")],
        request_id: None,
        traceparent: None,
    };
    plugin.services.log(&event);
    assert_eq!(*host.log.lines.lock().unwrap(), ["one 7 warn m [(\"a\", \"1\")]"]);
}
