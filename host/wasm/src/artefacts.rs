//! Artefacts of one call: what it leaves is bounded and counted, what it reads its input must name.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::artefact::{self, Artefact};
use taskloom_core::failure::code;
use taskloom_core::id::Digest;
use taskloom_core::plugin::Capability;

use crate::bindings::taskloom::plugin::artefacts::{Artefact as Left, Host};
use crate::bindings::taskloom::plugin::types::Failure;
use crate::call::CallObserver;
use crate::guest::Guest;
use crate::limits::CallLimits;

/// The files that a call left so far.
#[derive(Debug, Default)]
pub(crate) struct Artefacts {
    left: Vec<Artefact>,
}

impl Artefacts {
    /// The files, the last one of each name.
    pub(crate) fn left(&self) -> Vec<Artefact> {
        self.left.clone()
    }

    /// Whether a file may be left; with the code and the reason if not.
    fn check(&self, name: &str, bytes: u64, limits: &CallLimits) -> Result<(), Failure> {
        if bytes > limits.artefact_bytes {
            let most = limits.artefact_bytes;
            let message = format!("`{name}` has {bytes} bytes; an artefact may have {most}");
            return Err(failure(code::ARTEFACT_TOO_LARGE, message));
        }
        let others = || self.left.iter().filter(|other| other.name != name);
        if others().count() as u64 >= limits.artefacts {
            let message = format!("an attempt may leave {} artefacts", limits.artefacts);
            return Err(failure(code::TOO_MANY_ARTEFACTS, message));
        }
        let total = others().map(|other| other.bytes).sum::<u64>() + bytes;
        if total > limits.artefacts_bytes {
            let most = limits.artefacts_bytes;
            let message = format!(
                "with `{name}` the artefacts of the attempt have {total} bytes; they may have {most}"
            );
            return Err(failure(code::ARTEFACTS_TOO_LARGE, message));
        }
        Ok(())
    }

    fn leave(&mut self, artefact: Artefact) {
        self.left.retain(|other| other.name != artefact.name);
        self.left.push(artefact);
    }
}

impl Host for Guest {
    async fn put(
        &mut self,
        name: String,
        media_type: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<Left, Failure>> {
        self.count()?;
        let bytes = content.len() as u64;
        let words = artefact::check_name(&name).and(artefact::check_media_type(&media_type));
        if let Err(message) = words {
            return Ok(Err(failure(code::INVALID_ARTEFACT, message)));
        }
        if let Err(failure) = self.artefacts.check(&name, bytes, &self.call.limits) {
            self.notes.refuse(Capability::Artefacts, &failure.message);
            return Ok(Err(failure));
        }
        if self.held.scrubber().is_some_and(|scrubber| scrubber.finds(&content)) {
            let message = format!("`{name}` contains the value of a secret, and is not kept");
            self.notes.refuse(Capability::Secrets, &message);
            return Ok(Err(failure(code::INVALID_ARTEFACT, message)));
        }
        let digest = match blocking(Arc::clone(&self.call.observer), move |observer| {
            observer.put_artefact(&content)
        })
        .await
        {
            Ok(digest) => digest,
            Err(message) => return Ok(Err(failure(code::ARTEFACT_NOT_KEPT, message))),
        };
        self.artefacts.leave(Artefact {
            name: name.clone(),
            media_type: media_type.clone(),
            bytes,
            digest,
        });
        Ok(Ok(Left { digest: digest.to_string(), name, media_type, bytes }))
    }

    async fn read(&mut self, digest: String) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        self.count()?;
        let unknown = || {
            let shown: String = digest.chars().take(80).collect();
            failure(code::UNKNOWN_ARTEFACT, format!("the input refers to no artefact `{shown}`"))
        };
        let Ok(digest) = digest.parse::<Digest>() else { return Ok(Err(unknown())) };
        let input: Value = serde_json::from_str(&self.call.input).unwrap_or_default();
        if !artefact::refers_to(&input, &digest) {
            return Ok(Err(unknown()));
        }
        let most = self.call.limits.artefact_bytes;
        let read = blocking(Arc::clone(&self.call.observer), move |observer| {
            observer.read_artefact(&digest, most)
        })
        .await;
        Ok(match read {
            Ok(Some(content)) => Ok(content),
            Ok(None) => Err(failure(
                code::UNREADABLE_ARTEFACT,
                format!("{digest} is not kept any more, or has more than {most} bytes"),
            )),
            Err(message) => Err(failure(code::UNREADABLE_ARTEFACT, message)),
        })
    }
}

/// Does what may block where it holds up no guest.
async fn blocking<T: Send + 'static>(
    observer: Arc<dyn CallObserver>,
    work: impl FnOnce(&dyn CallObserver) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(move || work(&*observer)).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}

fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, details: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefact(name: &str, bytes: u64) -> Artefact {
        let media_type = "text/plain".to_owned();
        Artefact { name: name.to_owned(), media_type, bytes, digest: Digest::of(b"") }
    }

    #[test]
    fn each_limit_has_a_failure_of_its_own() {
        let limits = CallLimits {
            artefacts: 2,
            artefact_bytes: 10,
            artefacts_bytes: 15,
            ..CallLimits::DEFAULTS
        };
        let mut artefacts = Artefacts::default();
        let mut put = |name: &str, bytes: u64| match artefacts.check(name, bytes, &limits) {
            Ok(()) => {
                artefacts.leave(artefact(name, bytes));
                "left".to_owned()
            }
            Err(failure) => failure.code,
        };
        assert_eq!(put("a", 11), "artefact-too-large");
        assert_eq!(put("a", 10), "left");
        assert_eq!(put("b", 6), "artefacts-too-large");
        assert_eq!(put("b", 5), "left");
        assert_eq!(put("c", 0), "too-many-artefacts");
        assert_eq!(put("a", 9), "left", "a name that is left again replaces the first");
        let left: Vec<_> =
            artefacts.left().iter().map(|one| (one.name.clone(), one.bytes)).collect();
        assert_eq!(left, [("b".to_owned(), 5), ("a".to_owned(), 9)]);
    }
}
