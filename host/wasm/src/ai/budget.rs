//! What a plugin may spend on models in one run: counted over all attempts, those under way included.
//!
//! What attempts of the run have used is in the journal and comes with each call. What is under way is
//! known here alone, so each request takes its share of the budget before it is sent, and gives back what
//! it did not use. A host that dies forgets what was under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::attempt::{AiSpent, AiUse};
use taskloom_core::id::{PluginName, RunId};

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
    spent: AiSpent,
    open: u32,
}

/// What one call may spend.
#[derive(Debug)]
pub(crate) struct Account {
    accounts: Accounts,
    key: Key,
    used: AiUse,
}

/// The part of the budget that one request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// About what the request itself takes, in tokens.
    input_tokens: u64,
    /// What the answer may take, in tokens.
    pub(super) output_tokens: u64,
    /// What may still be spent, in millionths of a US dollar.
    pub(super) usd_micros_left: u64,
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
        Account { accounts: self.clone(), key, used: AiUse::default() }
    }

    fn with<R>(&self, change: impl FnOnce(&mut HashMap<Key, State>) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Account {
    /// Takes a share of the budget for a request of about `input_tokens`, whose answer may have
    /// `wanted` tokens, or as many as there are.
    ///
    /// # Errors
    /// When the budget has not enough left; in words.
    pub(super) fn reserve(
        &mut self,
        grant: &AiGrant,
        input_tokens: u64,
        wanted: Option<u64>,
    ) -> Result<Share, String> {
        self.used.call_tokens_limit = grant.tokens_per_call;
        self.used.run_tokens_limit = grant.tokens_per_run;
        self.used.run_usd_micros_limit = grant.usd_micros_per_run;
        if input_tokens >= grant.tokens_per_call {
            return Err(format!(
                "the request has about {input_tokens} tokens, and `tokens_per_call` of [ai] is {}",
                grant.tokens_per_call
            ));
        }
        let share = self.with(|state| {
            let tokens_left = grant.tokens_per_run.saturating_sub(state.spent.tokens);
            if input_tokens >= tokens_left {
                return Err(format!(
                    "the request has about {input_tokens} tokens; of the {} tokens of \
                     `tokens_per_run` of [ai] the run has {tokens_left} left",
                    grant.tokens_per_run
                ));
            }
            let usd_micros_left = grant.usd_micros_per_run.saturating_sub(state.spent.usd_micros);
            if usd_micros_left == 0 {
                return Err(format!(
                    "the run has spent the {} US dollars of `usd_per_run` of [ai]",
                    dollars(grant.usd_micros_per_run)
                ));
            }
            let most = (grant.tokens_per_call - input_tokens).min(tokens_left - input_tokens);
            let output_tokens = wanted.unwrap_or(most).min(most);
            state.spent.tokens += input_tokens + output_tokens;
            Ok(Share { input_tokens, output_tokens, usd_micros_left })
        })?;
        // As if all of it were used: whoever stops the request meanwhile may have to pay for it.
        self.used.requests += 1;
        self.used.input_tokens += share.input_tokens;
        self.used.output_tokens += share.output_tokens;
        Ok(share)
    }

    /// Counts what a request really used instead of its share.
    pub(super) fn settle(&mut self, share: &Share, usage: ModelUsage) {
        let ModelUsage { input_tokens, output_tokens, usd_micros } = usage;
        let corrected = |all: u64, reserved: u64, real: u64| (all - reserved).saturating_add(real);
        let used = &mut self.used;
        used.input_tokens = corrected(used.input_tokens, share.input_tokens, input_tokens);
        used.output_tokens = corrected(used.output_tokens, share.output_tokens, output_tokens);
        used.usd_micros = used.usd_micros.saturating_add(usd_micros);
        self.with(|state| {
            let reserved = share.input_tokens + share.output_tokens;
            let real = input_tokens.saturating_add(output_tokens);
            state.spent.tokens = state.spent.tokens.saturating_sub(reserved).saturating_add(real);
            state.spent.usd_micros = state.spent.usd_micros.saturating_add(usd_micros);
        });
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
        self.with(|state| state.open = state.open.saturating_sub(1));
    }
}

fn dollars(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: AiGrant =
        AiGrant { tokens_per_call: 100, tokens_per_run: 150, usd_micros_per_run: 1_000 };

    fn account(accounts: &Accounts, spent: u64) -> Account {
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a run id");
        let spent = AiSpent { tokens: spent, usd_micros: 0 };
        accounts.open(run, PluginName::new("p").expect("a name"), spent)
    }

    fn usage(input_tokens: u64, output_tokens: u64, usd_micros: u64) -> ModelUsage {
        ModelUsage { input_tokens, output_tokens, usd_micros }
    }

    #[test]
    fn two_attempts_at_once_do_not_spend_the_same_tokens() {
        let accounts = Accounts::default();
        let (mut one, mut two) = (account(&accounts, 0), account(&accounts, 0));
        let first = one.reserve(&GRANT, 10, None).expect("enough");
        assert_eq!(first.output_tokens, 90);
        let second = two.reserve(&GRANT, 10, None).expect("enough");
        assert_eq!(second.output_tokens, 40);
        let error = two.reserve(&GRANT, 1, None).expect_err("nothing left");
        assert!(error.contains("has 0 left"), "{error}");
        one.settle(&first, usage(5, 5, 1));
        assert_eq!(two.reserve(&GRANT, 10, Some(7)).expect("enough again").output_tokens, 7);
        let used = one.used();
        assert_eq!((used.input_tokens, used.output_tokens, used.usd_micros), (5, 5, 1));
    }

    #[test]
    fn what_the_journal_says_counts() {
        let accounts = Accounts::default();
        let share = account(&accounts, 120).reserve(&GRANT, 10, None).expect("enough");
        assert_eq!(share.output_tokens, 20);
    }

    #[test]
    fn money_that_is_spent_ends_it() {
        let accounts = Accounts::default();
        let mut account = account(&accounts, 0);
        let share = account.reserve(&GRANT, 1, Some(1)).expect("enough");
        assert_eq!(share.usd_micros_left, 1_000);
        account.settle(&share, usage(1, 1, 2_000));
        let error = account.reserve(&GRANT, 1, Some(1)).expect_err("nothing left");
        assert!(error.contains("the 0.001000 US dollars"), "{error}");
    }

    #[test]
    fn a_request_that_was_stopped_counts_in_full() {
        let accounts = Accounts::default();
        let mut account = account(&accounts, 0);
        account.reserve(&GRANT, 10, Some(20)).expect("enough");
        let used = account.used();
        assert_eq!((used.requests, used.input_tokens + used.output_tokens), (1, 30));
    }
}
