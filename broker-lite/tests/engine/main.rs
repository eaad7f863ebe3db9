//! The engine from outside: frames in, frames out, no sockets.

mod batch;
mod chaos;
mod commit_log;
mod config;
mod consumer;
mod groups;
mod harness;
mod heartbeat;
mod name_server;
mod offsets;
mod pull;
mod pull_hold;
mod registration;
mod send;
mod send_checks;
mod transport;
mod view;
