//! What a plugin may spend on models in one run: counted over all attempts, those under way included.
//!
//! What attempts of the run have used is in the journal and comes with each call. What is under way is
//! known here alone, so each request takes its share of the budget, tokens and money, before it is sent, and
//! gives back what it did not use. One whose share others hold waits until it is given back. A host that
//! dies forgets what was under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::attempt::{AiSpent, AiUse};
use taskloom_core::id::{PluginName, RunId};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::policy::AiGrant;
use crate::ports::ModelUsage;

/// Accounts that are remembered though no call has them open: an attempt's use is not in the journal the
/// moment it ends.
const IDLE_ACCOUNTS_MAX: usize = 4_096;

type Key = (RunId, PluginName);

/// The accounts of all runs. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts(Arc<Mutex<HashMap<Key, State>>>);

#[derive(Debug, Default)]
struct State {
    /// What is used for good.
    spent: AiSpent,
    /// The shares of requests under way.
    under_way: AiSpent,
    /// Tells those who wait that a share is no longer under way.
    freed: Arc<Notify>,
    open: u32,
}

/// What one call may spend.
#[derive(Debug)]
pub(crate) struct Account {
    accounts: Accounts,
    key: Key,
    used: AiUse,
    /// The share of the request under way: a call asks one model after the other.
    under_way: Option<Share>,
}

/// The part of the budget that one request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// About what the request itself takes, in tokens.
    input_tokens: u64,
    /// What the answer may take, in tokens.
    pub(super) output_tokens: u64,
    /// What the request may cost, in millionths of a US dollar.
    pub(super) usd_micros: u64,
}

/// Why a request has no share.
#[derive(Debug)]
enum Short {
    /// The budget has not enough left, whatever becomes of the requests under way; in words.
    Spent(String),
    /// It has if those under way give back enough; wakes when one gives back anything.
    UnderWay(OwnedNotified),
}

impl Accounts {
    /// Opens the account of a plugin in a run, which has spent `spent` so far by its journal.
    pub(super) fn open(&self, run: RunId, plugin: PluginName, spent: AiSpent) -> Account {
        let key = (run, plugin);
        self.with(|accounts| {
            if accounts.len() >= IDLE_ACCOUNTS_MAX {
                accounts.retain(|_, state| state.open > 0);
            }
            let state = accounts.entry(key.clone()).or_default();
            state.open += 1;
            // What is known here includes what the journal says, unless it is from an earlier start.
            state.spent.tokens = state.spent.tokens.max(spent.tokens);
            state.spent.usd_micros = state.spent.usd_micros.max(spent.usd_micros);
        });
        Account { accounts: self.clone(), key, used: AiUse::default(), under_way: None }
    }

    fn with<R>(&self, change: impl FnOnce(&mut HashMap<Key, State>) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Account {
    /// Takes a share of the budget for a request of about `input_tokens`, whose answer may have `wanted`
    /// tokens, or as many as there are. Waits while other requests of the run hold what it needs.
    ///
    /// # Errors
    /// When the budget has not enough left, whatever they give back; in words.
    pub(super) async fn share(
        &mut self,
        grant: &AiGrant,
        input_tokens: u64,
        wanted: Option<u64>,
    ) -> Result<Share, String> {
        loop {
            match self.reserve(grant, input_tokens, wanted) {
                Ok(share) => return Ok(share),
                Err(Short::Spent(message)) => return Err(message),
                Err(Short::UnderWay(freed)) => freed.await,
            }
        }
    }

    fn reserve(
        &mut self,
        grant: &AiGrant,
        input_tokens: u64,
        wanted: Option<u64>,
    ) -> Result<Share, Short> {
        self.used.call_tokens_limit = grant.tokens_per_call;
        self.used.run_tokens_limit = grant.tokens_per_run;
        self.used.run_usd_micros_limit = grant.usd_micros_per_run;
        if input_tokens >= grant.tokens_per_call {
            return Err(Short::Spent(format!(
                "the request has about {input_tokens} tokens, and `tokens_per_call` of [ai] is {}",
                grant.tokens_per_call
            )));
        }
        let share = self.with(|state| {
            let most_output = state.output_tokens_left(grant, input_tokens)?;
            let usd_micros = state.usd_micros_left(grant)?;
            let output_tokens = wanted.unwrap_or(most_output).min(most_output);
            let share = Share { input_tokens, output_tokens, usd_micros };
            state.under_way.tokens += share.tokens();
            state.under_way.usd_micros += share.usd_micros;
            Ok(share)
        })?;
        // As if all of it were used: whoever stops the request meanwhile may have to pay for it.
        self.used.requests += 1;
        self.used.input_tokens += share.input_tokens;
        self.used.output_tokens += share.output_tokens;
        self.used.usd_micros = self.used.usd_micros.saturating_add(share.usd_micros);
        self.under_way = Some(share);
        Ok(share)
    }

    /// Counts what a request really used instead of its share.
    pub(super) fn settle(&mut self, share: &Share, usage: ModelUsage) {
        let ModelUsage { input_tokens, output_tokens, usd_micros } = usage;
        let corrected = |all: u64, reserved: u64, real: u64| (all - reserved).saturating_add(real);
        let used = &mut self.used;
        used.input_tokens = corrected(used.input_tokens, share.input_tokens, input_tokens);
        used.output_tokens = corrected(used.output_tokens, share.output_tokens, output_tokens);
        used.usd_micros = corrected(used.usd_micros, share.usd_micros, usd_micros);
        self.under_way = None;
        let tokens = input_tokens.saturating_add(output_tokens);
        self.with(|state| state.end(share, AiSpent { tokens, usd_micros }));
    }

    /// What the call used, beside its limits.
    pub(crate) const fn used(&self) -> AiUse {
        self.used
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        self.accounts.with(|accounts| change(accounts.entry(self.key.clone()).or_default()))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let stopped = self.under_way.take();
        self.with(|state| {
            state.open = state.open.saturating_sub(1);
            if let Some(share) = stopped {
                // Nobody knows what it cost.
                let (tokens, usd_micros) = (share.tokens(), share.usd_micros);
                state.end(&share, AiSpent { tokens, usd_micros });
            }
        });
    }
}

impl State {
    /// The tokens that an answer may have after a request of `input_tokens`.
    fn output_tokens_left(&self, grant: &AiGrant, input_tokens: u64) -> Result<u64, Short> {
        let after_all = grant.tokens_per_run.saturating_sub(self.spent.tokens);
        if input_tokens >= after_all {
            return Err(Short::Spent(format!(
                "the request has about {input_tokens} tokens; of the {} tokens of \
                 `tokens_per_run` of [ai] the run has {after_all} left",
                grant.tokens_per_run
            )));
        }
        let now = after_all.saturating_sub(self.under_way.tokens);
        if input_tokens >= now {
            return Err(self.under_way());
        }
        Ok(grant.tokens_per_call.min(now) - input_tokens)
    }

    /// What a request may cost. Others under way may not leave it less than it has a right to.
    fn usd_micros_left(&self, grant: &AiGrant) -> Result<u64, Short> {
        let after_all = grant.usd_micros_per_run.saturating_sub(self.spent.usd_micros);
        if after_all == 0 {
            return Err(Short::Spent(format!(
                "the run has spent the {} US dollars of `usd_per_run` of [ai]",
                dollars(grant.usd_micros_per_run)
            )));
        }
        let due = grant.usd_micros_per_call.min(after_all);
        if after_all.saturating_sub(self.under_way.usd_micros) < due {
            return Err(self.under_way());
        }
        Ok(due)
    }

    fn under_way(&self) -> Short {
        Short::UnderWay(Arc::clone(&self.freed).notified_owned())
    }

    /// A share is no longer under way; `used` of it was used.
    fn end(&mut self, share: &Share, used: AiSpent) {
        self.under_way.tokens = self.under_way.tokens.saturating_sub(share.tokens());
        self.under_way.usd_micros = self.under_way.usd_micros.saturating_sub(share.usd_micros);
        self.spent.tokens = self.spent.tokens.saturating_add(used.tokens);
        self.spent.usd_micros = self.spent.usd_micros.saturating_add(used.usd_micros);
        self.freed.notify_waiters();
    }
}

impl Share {
    const fn tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }
}

fn dollars(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: AiGrant = AiGrant {
        tokens_per_call: 100,
        tokens_per_run: 150,
        usd_micros_per_call: 600,
        usd_micros_per_run: 1_000,
    };

    fn account(accounts: &Accounts, spent: u64) -> Account {
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a run id");
        let spent = AiSpent { tokens: spent, usd_micros: 0 };
        accounts.open(run, PluginName::new("p").expect("a name"), spent)
    }

    fn usage(input_tokens: u64, output_tokens: u64, usd_micros: u64) -> ModelUsage {
        ModelUsage { input_tokens, output_tokens, usd_micros }
    }

    /// The share, if there is one now.
    fn now(account: &mut Account, input_tokens: u64, wanted: Option<u64>) -> Option<Share> {
        match account.reserve(&GRANT, input_tokens, wanted) {
            Ok(share) => Some(share),
            Err(Short::UnderWay(_)) => None,
            Err(Short::Spent(message)) => panic!("{message}"),
        }
    }

    #[test]
    fn two_attempts_at_once_do_not_spend_the_same_tokens() {
        const CHEAP: AiGrant = AiGrant { usd_micros_per_call: 1, ..GRANT };
        let accounts = Accounts::default();
        let (mut one, mut two) = (account(&accounts, 0), account(&accounts, 0));
        let first = one.reserve(&CHEAP, 10, None).expect("enough");
        assert_eq!(first.output_tokens, 90);
        let second = two.reserve(&CHEAP, 10, None).expect("enough");
        assert_eq!(second.output_tokens, 40);
        let mut three = account(&accounts, 0);
        let waits = three.reserve(&CHEAP, 1, None);
        assert!(matches!(waits, Err(Short::UnderWay(_))), "{waits:?}");
        one.settle(&first, usage(5, 5, 1));
        assert_eq!(three.reserve(&CHEAP, 10, Some(7)).expect("enough again").output_tokens, 7);
        let used = one.used();
        assert_eq!((used.input_tokens, used.output_tokens, used.usd_micros), (5, 5, 1));
    }

    #[test]
    fn two_attempts_at_once_do_not_spend_the_same_money() {
        let accounts = Accounts::default();
        let (mut one, mut two) = (account(&accounts, 0), account(&accounts, 0));
        let first = now(&mut one, 1, Some(1)).expect("nothing is under way");
        assert_eq!(first.usd_micros, 600);
        assert_eq!(now(&mut two, 1, Some(1)), None, "400 are left, and it may cost 600");
        one.settle(&first, usage(1, 1, 100));
        let second = now(&mut two, 1, Some(1)).expect("900 are left");
        assert_eq!(second.usd_micros, 600);
        two.settle(&second, usage(1, 1, 600));
        let last = now(&mut one, 1, Some(1)).expect("300 are left, and nobody holds any of it");
        assert_eq!(last.usd_micros, 300);
    }

    #[test]
    fn what_the_journal_says_counts() {
        let accounts = Accounts::default();
        let share = now(&mut account(&accounts, 120), 10, None).expect("enough");
        assert_eq!(share.output_tokens, 20);
    }

    #[test]
    fn money_that_is_spent_ends_it() {
        let accounts = Accounts::default();
        let mut account = account(&accounts, 0);
        let share = now(&mut account, 1, Some(1)).expect("enough");
        account.settle(&share, usage(1, 1, 2_000));
        let refused = account.reserve(&GRANT, 1, Some(1));
        let Err(Short::Spent(error)) = refused else { panic!("{refused:?}") };
        assert!(error.contains("the 0.001000 US dollars"), "{error}");
    }

    #[test]
    fn a_request_that_was_stopped_counts_in_full() {
        let accounts = Accounts::default();
        let mut stopped = account(&accounts, 0);
        now(&mut stopped, 10, Some(20)).expect("enough");
        let used = stopped.used();
        let tokens = used.input_tokens + used.output_tokens;
        assert_eq!((used.requests, tokens, used.usd_micros), (1, 30, 600));
        let mut next = account(&accounts, 0);
        let waiting = next.reserve(&GRANT, 1, Some(1));
        let Err(Short::UnderWay(freed)) = waiting else { panic!("{waiting:?}") };
        drop(stopped);
        let woken = std::pin::pin!(freed)
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(woken.is_ready(), "whoever waits looks again");
        assert_eq!(now(&mut next, 1, Some(1)).expect("enough").usd_micros, 400);
    }
}
