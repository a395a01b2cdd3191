//! The operator against a real API server: who owns which field, what a crash after any write leaves behind, what bad input
//! is told, who leads, who may approve. Pods are real but hold nothing (`pause`); connectors are the e2e test's. Needs
//! `KUBECONFIG`; `make apiserver` provides it.
// A story told in one function reads better than one in pieces.
#![allow(clippy::too_many_lines)]
#![allow(missing_docs, clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod approval;
mod crash;
mod deletion;
mod example;
mod fixture;
mod leader;
mod ownership;
mod refusal;
