//! Which version stands in for one that new runs cannot use: because it is in quarantine, because
//! somebody wants another, or because its file is broken and the host was started again.

use taskloom_core::id::{Digest, PluginName};
use taskloom_core::life::PluginLife;

use super::CatalogEvent;
use super::change::{Change, ChangeError, Reply};
use super::event::CrashLoop;
use super::keeper::Keeper;

/// A version that is being loaded, to be used by new runs once it is.
pub(super) struct StandIn {
    /// The version that it stands in for.
    from: Option<Digest>,
    to: Digest,
    /// What new runs used when it was chosen: what comes meanwhile, such as another file, goes first.
    current: Option<Digest>,
    reason: String,
    reply: Option<Reply>,
}

/// The reason of a roll-back that somebody asked for.
const BY_HAND: &str = "by hand";

impl Keeper {
    /// Puts a version into quarantine, and another in its place.
    pub(super) fn crashed(&mut self, name: &PluginName, digest: Digest, crashes: CrashLoop) {
        let Some(life) = self.shelf.life(name) else { return };
        // Attempts that were under way may crash after the one that was too many.
        if life.version(&digest).is_none() || life.quarantine(&digest).is_some() {
            return;
        }
        tracing::warn!(
            plugin = %name, %digest, crashes = crashes.crashes, reason = crashes.reason,
            "a version of a plugin is in quarantine"
        );
        let was_current = life.current() == Some(digest);
        self.tell(CatalogEvent::Quarantined { plugin: name.clone(), digest, crashes });
        if was_current {
            self.stand_in(name, Some(digest), "the version before is in quarantine");
        }
    }

    /// Does what somebody asks of the versions of a plugin.
    pub(super) fn change(&mut self, name: &PluginName, change: Change, reply: Reply) {
        let done = match change {
            Change::Release(digest) => self.release(name, digest),
            Change::RollBack(digest) => match self.roll_back_to(name, digest) {
                Ok((from, to)) if self.shelf.version(&to).is_none() => {
                    self.load_stand_in(name, (from, to), BY_HAND, Some(reply));
                    return;
                }
                Ok((from, to)) => {
                    self.roll_back(name, from, to, BY_HAND);
                    Ok(to)
                }
                Err(error) => Err(error),
            },
        };
        // Whoever asked may be gone.
        let _ = reply.send(done);
    }

    fn release(
        &mut self,
        name: &PluginName,
        digest: Option<Digest>,
    ) -> Result<Digest, ChangeError> {
        let life = self.shelf.life(name).ok_or_else(|| ChangeError::NoFile(name.clone()))?;
        let digest = match digest {
            Some(digest) => known(&life, name, digest)?,
            None => in_quarantine(&life)
                .ok_or_else(|| ChangeError::NothingInQuarantine(name.clone()))?,
        };
        if life.quarantine(&digest).is_none() {
            return Err(ChangeError::NotInQuarantine(digest));
        }
        tracing::info!(plugin = %name, %digest, "a version of a plugin is released");
        self.failed.remove(&(name.clone(), digest));
        self.tell(CatalogEvent::Released { plugin: name.clone(), digest });
        self.ensure_current(name);
        Ok(digest)
    }

    /// The versions that a roll-back by hand leads from and to.
    fn roll_back_to(
        &self,
        name: &PluginName,
        digest: Option<Digest>,
    ) -> Result<(Option<Digest>, Digest), ChangeError> {
        let life = self.shelf.life(name).filter(|life| life.file().is_some());
        let life = life.ok_or_else(|| ChangeError::NoFile(name.clone()))?;
        if self.stand_ins.contains_key(name) {
            return Err(ChangeError::Busy(name.clone()));
        }
        let to = match digest {
            Some(digest) => known(&life, name, digest)?,
            None => life.before_current().ok_or_else(|| ChangeError::NothingOlder(name.clone()))?,
        };
        if life.quarantine(&to).is_some() {
            return Err(ChangeError::InQuarantine { plugin: name.clone(), digest: to });
        }
        if life.current() == Some(to) {
            return Err(ChangeError::InUse(to));
        }
        Ok((life.current(), to))
    }

    /// Has the version in memory that new runs use; or another, if it cannot be loaded.
    pub(super) fn ensure_current(&mut self, name: &PluginName) {
        let Some(life) = self.shelf.life(name) else { return };
        if life.file().is_none() || self.stand_ins.contains_key(name) {
            return;
        }
        match life.current() {
            Some(current) if self.shelf.version(&current).is_some() => {}
            Some(current) if !self.failed.contains(&(name.clone(), current)) => {
                let reason = "it is the version that new runs use";
                self.load_stand_in(name, (life.current(), current), reason, None);
            }
            Some(current) => self.stand_in(name, Some(current), "the version before is not there"),
            None => self.stand_in(name, life.file(), "the version in the file is in quarantine"),
        }
    }

    /// Lets new runs use the newest version that may be used and can be loaded, if there is one.
    fn stand_in(&mut self, name: &PluginName, instead_of: Option<Digest>, reason: &str) {
        let Some(life) = self.shelf.life(name) else { return };
        let failed = |digest: &Digest| self.failed.contains(&(name.clone(), *digest));
        let mut good = life.good().filter(|digest| Some(*digest) != instead_of && !failed(digest));
        let Some(to) = good.next() else {
            tracing::warn!(plugin = %name, "no version of the plugin is left that may be used");
            return;
        };
        if self.shelf.version(&to).is_some() {
            self.roll_back(name, instead_of, to, reason);
        } else {
            self.load_stand_in(name, (instead_of, to), reason, None);
        }
    }

    fn load_stand_in(
        &mut self,
        name: &PluginName,
        (from, to): (Option<Digest>, Digest),
        reason: &str,
        reply: Option<Reply>,
    ) {
        let current = self.shelf.life(name).and_then(|life| life.current());
        let stand_in = StandIn { from, to, current, reason: reason.to_owned(), reply };
        self.stand_ins.insert(name.clone(), stand_in);
        self.want(name.clone(), to);
    }

    /// A version was loaded, or could not be: it may be one that is to stand in.
    pub(super) fn stand_in_ended(
        &mut self,
        name: &PluginName,
        digest: &Digest,
        result: Result<(), &str>,
    ) {
        match result {
            Ok(()) => _ = self.failed.remove(&(name.clone(), *digest)),
            Err(_) => _ = self.failed.insert((name.clone(), *digest)),
        }
        if self.stand_ins.get(name).is_none_or(|stand_in| stand_in.to != *digest) {
            return;
        }
        let Some(StandIn { from, to, current, reason, reply }) = self.stand_ins.remove(name) else {
            return;
        };
        // It may have crashed, or its file may have gone or been replaced, while it was loaded.
        let life = self.shelf.life(name).unwrap_or_default();
        let is_usable = life.file().is_some() && life.quarantine(&to).is_none();
        let is_wanted = is_usable && life.current() == current;
        let done = match result {
            Err(reason) => Err(ChangeError::Broken { digest: to, reason: reason.to_owned() }),
            Ok(()) if !is_wanted => Err(ChangeError::Busy(name.clone())),
            Ok(()) => {
                if current != Some(to) {
                    self.roll_back(name, from, to, &reason);
                }
                Ok(to)
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(done);
        }
        self.ensure_current(name);
    }

    fn roll_back(&mut self, name: &PluginName, from: Option<Digest>, to: Digest, reason: &str) {
        tracing::warn!(plugin = %name, %to, reason, "new runs use another version of a plugin");
        let (plugin, reason) = (name.clone(), reason.to_owned());
        self.tell(CatalogEvent::RolledBack { plugin, from, to, reason });
    }
}

fn known(life: &PluginLife, plugin: &PluginName, digest: Digest) -> Result<Digest, ChangeError> {
    let version = life.version(&digest).map(|version| version.digest);
    version.ok_or_else(|| ChangeError::NoVersion { plugin: plugin.clone(), digest })
}

/// The version that is released when nobody says which: that of the file, else the newest.
fn in_quarantine(life: &PluginLife) -> Option<Digest> {
    let held = |digest: &Digest| life.quarantine(digest).is_some();
    let newest = || life.versions().iter().rev().map(|version| version.digest).find(held);
    life.file().filter(held).or_else(newest)
}
