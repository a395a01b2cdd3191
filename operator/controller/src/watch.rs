//! Watches: they wake a reconcile and say nothing. What is decided upon is read anew each time.

use andon_api::label;
use futures::future::Shared;
use futures::{Stream, StreamExt};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{Predicate, WatchStreamExt, controller, predicates, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Resolves when the controllers shall stop.
pub type Stop = Shared<futures::future::BoxFuture<'static, ()>>;

/// Objects listed per request; keeps the memory of a start low.
const PAGE: u32 = 200;

/// Plants reconciled at once. Each reads about a dozen lists; the client's own limit is above that.
const CONCURRENCY: u16 = 16;

/// A Deployment that changes tells so several times at once; waiting this long makes one look of it. A verdict is a
/// matter of seconds, so this costs nothing.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// How each controller runs.
pub fn config() -> controller::Config {
    controller::Config::default()
        .concurrency(CONCURRENCY)
        .debounce(DEBOUNCE)
}

fn paged() -> watcher::Config {
    watcher::Config::default().any_semantic().page_size(PAGE)
}

/// Objects that carry an integration's labels.
pub fn ours() -> watcher::Config {
    paged().labels(label::INTEGRATION)
}

/// A controller's own kind: woken by changes of spec and annotations, not by the status that it writes itself.
pub fn primary<K>(
    client: Client,
    slim: impl Fn(&mut K) + Send + 'static,
) -> (
    impl Stream<Item = watcher::Result<K>> + Send + 'static,
    Store<K>,
)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    let (reader, writer) = reflector::store();
    let stream = watcher(Api::<K>::all(client), paged())
        .default_backoff()
        .modify(move |object| {
            // Two thirds of the memory of a cache, and nobody reads them.
            object.meta_mut().managed_fields = None;
            slim(object);
        })
        .reflect(writer)
        .touched_objects()
        .predicate_filter(
            predicates::generation.combine(predicates::annotations),
            Default::default(),
        );
    (stream, reader)
}

/// Objects of another kind whenever their spec or their labels change, and when they go.
pub fn changes<K>(
    client: Client,
) -> impl Stream<Item = watcher::Result<PartialObjectMeta<K>>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    // Not kube's predicate: it cannot tell a deletion from a change that it has seen already.
    let mut seen = BTreeMap::<String, (Option<i64>, Option<BTreeMap<String, String>>)>::new();
    watcher(Api::<PartialObjectMeta<K>>::all(client), paged())
        .default_backoff()
        .filter_map(move |event| {
            std::future::ready(match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => {
                    let now = (object.metadata.generation, object.metadata.labels.clone());
                    let uid = object.metadata.uid.clone().unwrap_or_default();
                    let before = seen.insert(uid, now.clone());
                    (before != Some(now)).then_some(Ok(object))
                }
                Ok(Event::Delete(object)) => {
                    seen.remove(object.metadata.uid.as_deref().unwrap_or_default());
                    Some(Ok(object))
                }
                Ok(Event::Init | Event::InitDone) => None,
                Err(error) => Some(Err(error)),
            })
        })
}

/// Objects of another kind whenever `key` changes.
pub fn filtered<K>(
    client: Client,
    key: impl Fn(&K) -> u64 + Send + 'static,
) -> impl Stream<Item = watcher::Result<K>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(Api::<K>::all(client), paged())
        .default_backoff()
        .touched_objects()
        .predicate_filter(By(key), Default::default())
}

struct By<F>(F);

impl<K, F: Fn(&K) -> u64> Predicate<K> for By<F> {
    fn hash_property(&self, object: &K) -> Option<u64> {
        Some((self.0)(object))
    }
}

/// A hash, for [`filtered`].
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
