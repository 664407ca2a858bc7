//! The program from outside: a real host, real plugins, real connections. One file for each thing it promises.
#![allow(clippy::unwrap_used, reason = "a test that cannot do what it set out to do has failed")]
#![allow(clippy::disallowed_methods, reason = "tests start programs, write files and read the environment")]
#![allow(clippy::print_stderr, reason = "a failed test shows what its host wrote")]

#[path = "../support/client.rs"]
mod client;
#[path = "../support/generations.rs"]
mod generations;
#[path = "../support/git_server.rs"]
mod git_server;
#[path = "../support/host.rs"]
mod host;
#[path = "../support/http2.rs"]
mod http2_client;
#[path = "../support/plugins.rs"]
mod plugins;
#[path = "../support/readme.rs"]
mod readme;
#[path = "../support/tls_front.rs"]
mod tls_front;
#[path = "../support/web_server.rs"]
mod web_server;
#[path = "../support/zip_builder.rs"]
mod zip_builder;

mod access;
mod allocations;
mod another_source;
mod architecture;
mod audit;
mod author_commands;
mod blocking;
mod bodies;
mod bundle;
mod cache;
mod calls;
mod catalog;
mod command_line;
mod compression;
mod console;
mod crash;
mod cross_origin;
mod damage;
mod defects;
mod endpoint_compression;
mod endpoint_rules;
mod error_codes;
mod events;
mod examples;
mod failed_loads;
mod failing_calls;
mod full_disk;
mod git;
mod graph;
mod hardening;
mod health;
mod history;
mod hooks;
mod hostile;
mod hostile_http2;
mod hostile_strings;
mod http2;
mod idempotency;
mod jobs;
mod kill;
mod libraries;
mod life;
mod logs;
mod main_job;
mod many;
mod metrics;
mod named_files;
mod newcomers;
mod older_client;
mod openapi;
#[cfg(feature = "otel")]
mod otel;
mod outside;
mod packaging;
mod plan;
mod private_repositories;
mod reload;
mod reload_configuration;
mod restart;
mod rollback;
mod services;
mod settings;
mod shell;
mod shutdown;
mod slow_clients;
mod states;
mod stored_data;
mod system_settings;
mod systemd;
mod template;
mod terminal;
mod tls;
mod tokens;
mod unload;
mod unload_under_load;
mod updates;
mod uploads;
mod websocket;
mod websocket_reload;
mod websockets_python;
mod wording;
mod wrong_input;
