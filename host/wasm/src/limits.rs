//! What one call may use.

use std::time::Duration;

use taskloom_core::plugin::LimitsWish;

/// The bounds of one call. All are enforced by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Units of deterministic work, about one a WebAssembly instruction.
    pub fuel: u64,
    /// Bytes over all linear memories and tables of the call.
    pub memory_bytes: u64,
    /// Wall-clock time from the start of the handler, waiting included.
    pub timeout: Duration,
    /// Bytes of the input.
    pub input_bytes: u64,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// Log lines that are kept; more are dropped and counted.
    pub log_lines: u64,
    /// Bytes of log lines that are kept, fields included.
    pub log_bytes: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Outbound requests.
    pub requests: u64,
    /// Bytes over the bodies of all responses.
    pub response_bytes: u64,
    /// Artefacts that are left.
    pub artefacts: u64,
    /// Bytes of one artefact, left or read.
    pub artefact_bytes: u64,
    /// Bytes over all artefacts that are left.
    pub artefacts_bytes: u64,
    /// Names of measurements that are kept; more are dropped and counted.
    pub metrics: u64,
    /// Secrets that a call may use.
    pub secrets: u64,
    /// Requests to models.
    pub ai_requests: u64,
}

const MIB: u64 = 1024 * 1024;

impl CallLimits {
    /// What a call gets when nobody wishes for anything: enough for ordinary tasks, and little enough
    /// that a runaway one is stopped within seconds.
    pub const DEFAULTS: Self = Self {
        fuel: 10_000_000_000,
        memory_bytes: 64 * MIB,
        timeout: Duration::from_secs(30),
        input_bytes: 8 * MIB,
        output_bytes: MIB,
        log_lines: 1_000,
        log_bytes: 256 * 1024,
        host_calls: 100_000,
        requests: 100,
        response_bytes: 16 * MIB,
        artefacts: 32,
        artefact_bytes: 16 * MIB,
        artefacts_bytes: 64 * MIB,
        metrics: 64,
        secrets: 16,
        ai_requests: 32,
    };

    /// The most that a task, a plugin or a policy may wish for.
    pub const CEILINGS: Self = Self {
        fuel: 1_000_000_000_000,
        memory_bytes: 1024 * MIB,
        timeout: Duration::from_secs(60 * 60),
        input_bytes: 32 * MIB,
        output_bytes: 32 * MIB,
        log_lines: 10_000,
        log_bytes: 4 * MIB,
        host_calls: 10_000_000,
        requests: 10_000,
        response_bytes: 256 * MIB,
        artefacts: 1_000,
        artefact_bytes: 256 * MIB,
        artefacts_bytes: 1024 * MIB,
        metrics: 256,
        secrets: 64,
        ai_requests: 1_000,
    };

    /// The limits of `describe`: it only prints a constant, but may have a language's runtime to start.
    pub(crate) const DESCRIBE: Self = Self {
        fuel: 5_000_000_000,
        memory_bytes: 256 * MIB,
        timeout: Duration::from_secs(10),
        input_bytes: 0,
        output_bytes: MIB,
        log_lines: 100,
        log_bytes: 64 * 1024,
        host_calls: 10_000,
        requests: 0,
        response_bytes: 0,
        artefacts: 0,
        artefact_bytes: 0,
        artefacts_bytes: 0,
        metrics: 0,
        secrets: 0,
        ai_requests: 0,
    };

    /// The limits of a call: what the task wishes for, else what its plugin does, else the default,
    /// and never more than the plugin's policy and the host's ceiling allow.
    pub fn resolve(
        task: &LimitsWish,
        plugin: &LimitsWish,
        policy: &LimitsWish,
        defaults: &Self,
        ceilings: &Self,
    ) -> Self {
        let pick = |of: fn(&LimitsWish) -> Option<u64>, default: u64, ceiling: u64| {
            let wished = of(task).or_else(|| of(plugin)).unwrap_or(default);
            wished.min(of(policy).unwrap_or(ceiling)).min(ceiling)
        };
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let timeout_ms = pick(|wish| wish.timeout_ms, ms(defaults.timeout), ms(ceilings.timeout));
        Self {
            fuel: pick(|wish| wish.fuel, defaults.fuel, ceilings.fuel),
            memory_bytes: pick(
                |wish| wish.memory_bytes,
                defaults.memory_bytes,
                ceilings.memory_bytes,
            ),
            timeout: Duration::from_millis(timeout_ms),
            output_bytes: pick(
                |wish| wish.output_bytes,
                defaults.output_bytes,
                ceilings.output_bytes,
            ),
            input_bytes: defaults.input_bytes.min(ceilings.input_bytes),
            log_lines: defaults.log_lines.min(ceilings.log_lines),
            log_bytes: defaults.log_bytes.min(ceilings.log_bytes),
            host_calls: defaults.host_calls.min(ceilings.host_calls),
            requests: defaults.requests.min(ceilings.requests),
            response_bytes: defaults.response_bytes.min(ceilings.response_bytes),
            artefacts: defaults.artefacts.min(ceilings.artefacts),
            artefact_bytes: defaults.artefact_bytes.min(ceilings.artefact_bytes),
            artefacts_bytes: defaults.artefacts_bytes.min(ceilings.artefacts_bytes),
            metrics: defaults.metrics.min(ceilings.metrics),
            secrets: defaults.secrets.min(ceilings.secrets),
            ai_requests: defaults.ai_requests.min(ceilings.ai_requests),
        }
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self::DEFAULTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_goes_before_the_plugin_and_the_operator_before_both() {
        let wish = |fuel| LimitsWish { fuel, ..LimitsWish::default() };
        for (task, plugin, policy, fuel) in [
            (None, None, None, CallLimits::DEFAULTS.fuel),
            (None, Some(7), None, 7),
            (Some(5), Some(7), None, 5),
            (Some(5), Some(7), Some(3), 3),
            (None, None, Some(3), 3),
            (Some(u64::MAX), None, None, CallLimits::CEILINGS.fuel),
            (Some(u64::MAX), None, Some(u64::MAX), CallLimits::CEILINGS.fuel),
        ] {
            let limits = CallLimits::resolve(
                &wish(task),
                &wish(plugin),
                &wish(policy),
                &CallLimits::DEFAULTS,
                &CallLimits::CEILINGS,
            );
            assert_eq!(limits.fuel, fuel, "{task:?} {plugin:?} {policy:?}");
            assert_eq!(limits.timeout, CallLimits::DEFAULTS.timeout);
        }
    }
}
