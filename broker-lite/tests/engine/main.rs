//! The engine from outside: frames in, frames out, no sockets.

mod admin_groups;
mod admin_topics;
mod assignment;
mod batch;
mod chaos;
mod commit_log;
mod config;
mod consumer;
mod delays;
mod groups;
mod harness;
mod heartbeat;
mod name_server;
mod offsets;
mod pull;
mod pull_hold;
mod query_message;
mod registration;
mod reset_offset;
mod runtime;
mod send;
mod send_back;
mod send_checks;
mod storage;
mod transport;
mod view;
