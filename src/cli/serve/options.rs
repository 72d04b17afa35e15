//! From knobs to the options of the engine, of a shard and of the QUIC server.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use throng::config::{ByteSize, Config, TimeSpan};
use throng::engine::Callee;
use throng::quic::{Limits, ServerOptions};
use throng::{engine, log, model, shard};

use super::credentials::Credentials;
use super::events::Events;

/// How much longer than the hook's own timeout its thread is waited for.
const CALL_GRACE: Duration = Duration::from_secs(1);

/// The engine's; when its log fails, that is an event.
pub(super) fn engine(
    config: &Config,
    callee: Option<Arc<dyn Callee>>,
    events: Events,
) -> engine::Options {
    let knobs = &config.engine;
    let mut options = engine::Options::default();
    options.log = log(&config.log);
    options.limits = model(&config.model);
    options.admission_bytes = knobs.admission_bytes.bytes();
    options.attaches_max = knobs.attaches_max;
    options.outbox_bytes = bytes(knobs.outbox_bytes);
    options.readers = usize::from(knobs.readers);
    options.audits_at_once_max = usize::try_from(knobs.audits_at_once_max).unwrap_or(usize::MAX);
    options.pull_pass_bytes = knobs.pull_pass_bytes.bytes();
    options.snapshot_every_records = knobs.snapshot_every_records;
    let hook = &config.hook;
    options.callee = callee;
    options.calls_at_once_max = usize::from(hook.calls_at_once_max);
    options.calls_at_once_per_tenant_max = usize::from(hook.calls_at_once_per_tenant_max);
    options.calls_waiting_max = usize::try_from(hook.calls_waiting_max).unwrap_or(usize::MAX);
    options.call_timeout = hook.timeout.duration() + CALL_GRACE;
    options.export.disk_margin_bytes = config.export.disk_margin_bytes.bytes();
    options.export.durable_every_records = config.export.durable_every_records;
    options.on_failure = Some(Box::new(move |error| events.log_failed(error.to_string())));
    options
}

/// The QUIC server's.
pub(super) fn server(config: &Config, credentials: &Credentials) -> ServerOptions {
    ServerOptions {
        listen: config.server.listen,
        shards: shards(config.server.shards, processors()),
        tls: credentials.tls(),
        tokens: credentials.tokens(),
        limits: limits(config),
        shard: shard(&config.shard),
    }
}

fn log(knobs: &throng::config::Log) -> log::Config {
    let mut log = log::Config::default().with_segment_bytes(knobs.segment_bytes.bytes());
    log.index_bytes_max = bytes(knobs.index_bytes_max);
    log.check_threads = usize::from(knobs.check_threads);
    log
}

fn model(knobs: &throng::config::Model) -> model::Limits {
    model::Limits {
        internal_members_max: knobs.internal_members_max,
        external_members_max: knobs.external_members_max,
        external_members_max_unverified: knobs.external_members_max_unverified,
        super_admins_max: knobs.super_admins_max,
        people_per_command_max: knobs.people_per_command_max,
        mass_send_groups_max: knobs.mass_send_groups_max,
        mass_sends_per_day_max: knobs.mass_sends_per_day_max,
        wrong_codes_per_minute_max: knobs.wrong_codes_per_minute_max,
        join_codes_per_group_max: knobs.join_codes_per_group_max,
        live_code_threshold: knobs.live_code_threshold,
        open_calls_max: knobs.open_calls_max,
        call_expiry_s: seconds(knobs.call_expiry),
        face_to_face_valid_s: seconds(knobs.face_to_face_valid),
        face_to_face_open_max: knobs.face_to_face_open_max,
        face_to_face_per_person_max: knobs.face_to_face_per_person_max,
        mass_sends_per_customer_and_month_max: knobs.mass_sends_per_customer_and_month_max,
        personal_person_times_per_day_max: knobs.personal_person_times_per_day_max,
        api_calls_per_minute_max: knobs.api_calls_per_minute_max,
        quota_policies_max: knobs.quota_policies_max,
        rolling_quota_max: knobs.rolling_quota_max,
        groups_created_per_day_max: knobs.groups_created_per_day_max,
        batch_groups_max: knobs.batch_groups_max,
        batch_people_max: knobs.batch_people_max,
        training_viewers_max: knobs.training_viewers_max,
        training_room_people_max: knobs.training_room_people_max,
        watch_guesses_per_minute_max: knobs.watch_guesses_per_minute_max,
        matrices_max: knobs.matrices_max,
        matrix_groups_max: knobs.matrix_groups_max,
        new_people_max: knobs.new_people_max,
        activation_hours: knobs.activation_hours,
        activation_guesses_max: knobs.activation_guesses_max,
        devices_per_person_max: knobs.devices_per_person_max,
        ip_allow_list_max: knobs.ip_allow_list_max,
        contacts_per_employee_max: knobs.contacts_per_employee_max,
        untagged_contacts_max: knobs.untagged_contacts_max,
        tags_per_contact_max: knobs.tags_per_contact_max,
        hand_over_hours: knobs.hand_over_hours,
        approval_valid_us: micros(knobs.approval_valid),
        approvals_open_max: knobs.approvals_open_max,
        approvals_open_per_person_max: knobs.approvals_open_per_person_max,
        export_groups_max: knobs.export_groups_max,
        denial_window_us: micros(knobs.denial_window),
        denials_recorded_max: knobs.denials_recorded_max,
        pull_window_us: micros(knobs.pull_window),
        pull_page_records_max: knobs.pull_page_records_max,
        pull_page_bytes_max: bytes_u32(knobs.pull_page_bytes_max),
        history_messages_per_command_max: knobs.history_messages_per_command_max,
        imports_max: knobs.imports_max,
        holds_max: knobs.holds_max,
        hold_groups_max: knobs.hold_groups_max,
        erasures_max: knobs.erasures_max,
        departments_max: knobs.departments_max,
        invitations_per_group_max: knobs.invitations_per_group_max,
        invitation_open_days: knobs.invitation_open_days,
        department_levels_max: knobs.department_levels_max,
        departments_per_person_max: knobs.departments_per_person_max,
        moved_departments_max: knobs.moved_departments_max,
        moved_people_max: knobs.moved_people_max,
        follow_changes_max: knobs.follow_changes_max,
        sync_rows_max: knobs.sync_rows_max,
        sync_departments_max: knobs.sync_departments_max,
    }
}

fn shard(knobs: &throng::config::Shard) -> shard::Config {
    shard::Config {
        ring_bytes: bytes(knobs.ring_bytes),
        write_bytes: bytes(knobs.write_bytes),
        catch_up_bytes: bytes(knobs.catch_up_bytes),
        fetch_sequences: knobs.fetch_sequences,
        fetch_bytes: bytes(knobs.fetch_bytes),
        fetches: usize::from(knobs.fetches_max),
        ..shard::Config::default()
    }
}

fn limits(config: &Config) -> Limits {
    let knobs = &config.limits;
    Limits {
        connections_max: knobs.connections_max,
        memory_budget_bytes: bytes(knobs.memory_budget_bytes),
        handshakes_per_turn: knobs.handshakes_per_turn_max,
        handshakes_waiting_max: knobs.handshakes_waiting_max,
        retry_above_per_s: knobs.retry_above_per_s,
        first_byte_timeout: knobs.first_byte_timeout.duration(),
        authentication_timeout: knobs.authentication_timeout.duration(),
        idle_timeout: knobs.idle_timeout.duration(),
        stream_receive_window_bytes: bytes_u32(knobs.stream_receive_window_bytes),
        unauthenticated_receive_window_bytes: bytes_u32(knobs.unauthenticated_receive_window_bytes),
        unacknowledged_bytes_max: knobs.unacknowledged_bytes_max.bytes(),
        acknowledgements_wait_max: knobs.acknowledgements_wait_max.duration(),
        acknowledgement_delay: knobs.acknowledgement_delay.duration(),
        coalesce_max: knobs.coalesce_max.duration(),
        answer_bytes_max: bytes(knobs.answer_bytes_max),
        pulls_max: knobs.pulls_max,
        gateway_people_max: knobs.gateway_people_max,
        gateway_attaches_max: knobs.gateway_attaches_max,
        socket_buffer_bytes: bytes(config.server.socket_buffer_bytes),
        initial_mtu_bytes: knobs.initial_mtu_bytes,
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

fn micros(span: TimeSpan) -> i64 {
    i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX)
}

fn bytes_u32(size: ByteSize) -> u32 {
    u32::try_from(size.bytes()).unwrap_or(u32::MAX)
}

fn seconds(span: TimeSpan) -> u32 {
    u32::try_from(span.duration().as_secs()).unwrap_or(u32::MAX)
}

fn processors() -> u16 {
    available_parallelism().map_or(1, |count| u16::try_from(count.get()).unwrap_or(u16::MAX))
}

/// 0 is one per processor, less one for the sequencer, the log and the kernel; at least one.
fn shards(configured: u16, processors: u16) -> u16 {
    match (configured, processors) {
        (0, processors) => processors.saturating_sub(1).clamp(1, 64),
        (configured, _) => configured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knobs_defaults_are_those_of_what_they_configure() {
        let config = Config::default();
        assert_eq!(limits(&config), Limits::default());
        assert_eq!(shard(&config.shard), shard::Config::default());
        assert_eq!(log(&config.log), log::Config::default());
        assert_eq!(model(&config.model), model::Limits::default());
        let (ours, theirs) = (
            engine(&config, None, Events::new().0),
            engine::Options::default(),
        );
        assert_eq!(ours.admission_bytes, theirs.admission_bytes);
        assert_eq!(ours.attaches_max, theirs.attaches_max);
        assert_eq!(ours.outbox_bytes, theirs.outbox_bytes);
        assert_eq!(ours.readers, theirs.readers);
        assert_eq!(ours.snapshot_every_records, theirs.snapshot_every_records);
        assert_eq!(ours.calls_at_once_max, theirs.calls_at_once_max);
        assert_eq!(
            ours.calls_at_once_per_tenant_max,
            theirs.calls_at_once_per_tenant_max
        );
        assert_eq!(ours.calls_waiting_max, theirs.calls_waiting_max);
        assert_eq!(ours.export, theirs.export);
        assert_eq!(ours.audits_at_once_max, theirs.audits_at_once_max);
        assert_eq!(ours.pull_pass_bytes, theirs.pull_pass_bytes);
    }

    #[test]
    fn no_number_of_shards_means_one_per_processor_less_one_for_the_log() {
        let by_default: Vec<_> = [1, 2, 3, 8, 256].map(|count| shards(0, count)).into();
        assert_eq!(by_default, [1, 1, 2, 7, 64]);
        assert_eq!(shards(5, 2), 5);
    }
}
