//! The knobs themselves. Sizes and times carry their unit in the value; names of sizes end in what
//! is counted.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::cipher::{CipherName, TenantCiphers};
use super::log_format::LogFormat;
use super::section::sections;
use super::units::{ByteSize, TimeSpan};

sections! {
    /// The QUIC side: where it listens and on how many threads.
    server: Server {
        /// The address and UDP port that clients connect to. Port 0 takes a free one, which the
        /// ready line then names.
        listen: SocketAddr = "127.0.0.1:4433", costs "nothing";
        /// Threads that own connections: encryption, fan-out and catch-up happen there. 0 is one
        /// per processor, less one for the sequencer, the log and the kernel; at least one.
        shards: u16 = "0" in "0" to "64",
        costs "a thread, a socket and one ring per group that is online on it";
        /// What is asked of the system for datagrams that wait, each way, per shard. The start log
        /// says how much was granted; `net.core.rmem_max` and `net.core.wmem_max` bound it.
        socket_buffer_bytes: ByteSize = "8 MiB" in "64 KiB" to "1 GiB",
        costs "up to twice this much kernel memory per shard";
        /// How long a stopping server goes on answering and sending what is on its way.
        drain: TimeSpan = "10 s" in "0 s" to "10 min",
        costs "this much longer a stop, when clients are slow";
    }

    /// Certificates. A path is taken from the data directory unless it is absolute; while these
    /// are the defaults and there are none, the first start makes development certificates.
    tls: Tls {
        /// The server's certificate and those that issued it, PEM.
        certificate_file: PathBuf = "tls/server.pem", costs "nothing";
        /// The private key of that certificate, PEM.
        key_file: PathBuf = "tls/server.key", costs "nothing";
        /// Who may issue the certificates of gateways and operators, PEM.
        client_ca_file: PathBuf = "tls/ca.pem", costs "nothing";
    }

    /// People's tokens.
    auth: Auth {
        /// The public keys of those who may issue tokens, PEM, one after the other. From the data
        /// directory unless absolute.
        token_public_key_file: PathBuf = "keys/token.pub.pem",
        costs "one signature check per key and connection";
        /// The longest that a token may be valid for when it is shown; one that lives longer is
        /// refused. A connection is closed when its token expires.
        token_lifetime_max: TimeSpan = "24 h" in "1 min" to "30 d",
        costs "a stolen token being of use for as long";
    }

    /// What connections may cost the server.
    limits: Limits {
        /// Connections at a time, all shards together; more are refused.
        connections_max: u32 = "50000" in "1" to "1000000",
        costs "about 26 KiB of memory per idle connection";
        /// What rings, answers of the log, deliveries not yet acknowledged and waiting handshakes may
        /// take, all shards together. Under pressure rings keep less, the oldest messages of every
        /// group first, and sessions that lag are served from the log earlier.
        memory_budget_bytes: ByteSize = "512 MiB" in "16 MiB" to "1 TiB",
        costs "up to this much memory, beside connections' own";
        /// Handshakes begun in one turn of a shard's loop; the others wait their turn.
        handshakes_per_turn_max: u32 = "4" in "1" to "256",
        costs "up to a millisecond each in which the shard delivers to nobody";
        /// First packets that wait for a handshake, a shard; more are ignored and come again.
        handshakes_waiting_max: u32 = "1024" in "1" to "65536",
        costs "up to 34 KiB of memory each";
        /// Newcomers a second and shard above which each must first prove its address (Retry).
        retry_above_per_s: u32 = "500" in "0" to "1000000",
        costs "a round trip to newcomers above it; below it, answers to spoofed addresses";
        /// How long after connecting the first bytes of a request may take.
        first_byte_timeout: TimeSpan = "5 s" in "100 ms" to "5 min",
        costs "the memory of a connection that says nothing, for as long";
        /// How long after connecting an accepted token or certificate may take.
        authentication_timeout: TimeSpan = "10 s" in "100 ms" to "5 min",
        costs "the memory of a connection that never says who it is, for as long";
        /// How long nothing at all may come from a client, keep-alives included.
        idle_timeout: TimeSpan = "60 s" in "1 s" to "1 h",
        costs "the memory of clients that went without a word, for as long";
        /// What a client may send ahead on each of its two streams.
        stream_receive_window_bytes: ByteSize = "256 KiB" in "64 KiB" to "16 MiB",
        costs "up to twice this much memory per connection, while a client outruns the server";
        /// What a client may send ahead before it has authenticated.
        unauthenticated_receive_window_bytes: ByteSize = "32 KiB" in "4 KiB" to "1 MiB",
        costs "up to this much memory per stranger";
        /// What may be sent to a client and not acknowledged by it; with 100 ms of round trip,
        /// 256 KiB is 2.5 MB/s.
        unacknowledged_bytes_max: ByteSize = "256 KiB" in "16 KiB" to "64 MiB",
        costs "the packets' bookkeeping; the deliveries themselves are shared";
        /// How long a client's acknowledgement may wait to be handled together with the next
        /// delivery to it, while there is nothing else to send to it; 0 handles each at once.
        acknowledgements_wait_max: TimeSpan = "100 ms" in "0 ms" to "1 s",
        costs "a loss that only the acknowledgement shows is repaired so much later";
        /// How long clients are asked to wait for more packets before they acknowledge what they
        /// have; 0 leaves them at QUIC's own 25 ms. Fewer acknowledgements are a quarter of the
        /// processor time of a message to many.
        acknowledgement_delay: TimeSpan = "200 ms" in "0 ms" to "1 s",
        costs "the last packet of several, when it is lost, is sent again so much later";
        /// How long a member's normal messages may wait for company in a shard that is busy more
        /// than 70 % of its time, so that they share packets; 0 always sends at once. Urgent
        /// messages never wait.
        coalesce_max: TimeSpan = "50 ms" in "0 ms" to "1 s",
        costs "so much latency under load, in exchange for processor time";
        /// Answers that wait for a client to read them, those still to come included; beyond,
        /// its next request is not read. 256 KiB is 1,000 publishes or 8 other commands at a time.
        answer_bytes_max: ByteSize = "256 KiB" in "64 KiB" to "16 MiB",
        costs "up to this much memory per connection that does not read its answers";
        /// Pages of the archive that a connection may have asked for and not read; one more is answered
        /// `Busy`.
        pulls_max: u32 = "4" in "1" to "64",
        costs "a page of `model.pull_page_bytes_max` each, for a connection that does not read";
        /// People attached through one gateway's connection; more are refused.
        gateway_people_max: u32 = "200000" in "1" to "10000000",
        costs "about 400 bytes a person, and 150 for each further group they are in";
        /// Attaches of one gateway in the engine's hands at a time; fewer where its people are in
        /// many groups.
        gateway_attaches_max: u32 = "1024" in "8" to "16384",
        costs "up to this many of `engine.attaches_max`, which others wait for";
        /// The UDP payload a connection begins with: 1452 fits Ethernet with IPv6, 1200 is always
        /// safe, and what a connection falls back to where packets vanish.
        initial_mtu_bytes: u16 = "1452" in "1200" to "9000",
        costs "lost packets at first, where a path is narrower";
    }

    /// What the model allows on this node. A tenant's own quotas are set over the operator's
    /// connection; changing these never changes what was decided before.
    model: Model {
        /// People in an internal group.
        internal_members_max: u32 = "2000" in "3" to "8000",
        costs "a membership change as large as its group";
        /// People in an external group of a verified tenant.
        external_members_max: u32 = "500" in "3" to "8000",
        costs "a membership change as large as its group";
        /// People in an external group of a tenant that is not verified; at most the one before.
        external_members_max_unverified: u32 = "200" in "3" to "8000", costs "nothing";
        /// Super admins of a tenant.
        super_admins_max: u32 = "3" in "1" to "100", costs "nothing";
        /// People in one command.
        people_per_command_max: u32 = "2000" in "1" to "8000",
        costs "up to 2 ms in which nothing else is decided";
        /// Groups of one mass send.
        mass_send_groups_max: u32 = "10000" in "1" to "20000",
        costs "about 0.1 µs of the sequencer each";
        /// Mass sends of one sender in a calendar day, where the tenant has set no other; the next
        /// one is refused and freezes the sender until an admin releases it.
        mass_sends_per_day_max: u32 = "500" in "0" to "1000000",
        costs "as much unasked-for mail";
        /// Mass sends a customer receives from one tenant in a calendar month, where the tenant has
        /// set no other.
        mass_sends_per_customer_and_month_max: u32 = "4" in "0" to "1000000",
        costs "as much unasked-for mail";
        /// People whom the mass sends of one personal account reach in a calendar day, where the
        /// tenant has set no other.
        personal_person_times_per_day_max: u32 = "200" in "0" to "1000000",
        costs "as much unasked-for mail";
        /// Commands of one tenant's backend in any minute, where the tenant has set no other; 0 is
        /// as many as it likes.
        api_calls_per_minute_max: u32 = "0" in "0" to "100000",
        costs "16 bytes per tenant for each in the last minute, where it is not 0";
        /// Quota policies of one tenant, presets among them.
        quota_policies_max: u32 = "32" in "4" to "256",
        costs "a look-up per publish of the tenant for each that counts messages";
        /// The limit that a policy with a rolling window may have.
        rolling_quota_max: u32 = "10000" in "1" to "100000",
        costs "16 bytes for each charge of an account in the window";
        /// Groups one person creates in a calendar day; the next one is refused and holds the person
        /// up until an admin releases it.
        groups_created_per_day_max: u32 = "5" in "1" to "100000", costs "as many groups to tidy up";
        /// Groups of one batch.
        batch_groups_max: u32 = "500" in "1" to "10000", costs "a record each";
        /// People and departments named in one batch.
        batch_people_max: u32 = "100000" in "1" to "200000",
        costs "8 bytes of one record each, kept until the batch is done";
        /// Viewers of a training group.
        training_viewers_max: u32 = "100000" in "1" to "1000000", costs "about 80 bytes each";
        /// Viewers in one room of a training group.
        training_room_people_max: u32 = "2000" in "1" to "10000",
        costs "other rooms for those who watch, where it is changed";
        /// Wrong guesses of a person at one watch password in a minute.
        watch_guesses_per_minute_max: u32 = "5" in "1" to "60", costs "a record each";
        /// Departments of a tenant.
        departments_max: u32 = "100000" in "1" to "1000000", costs "about 150 bytes of memory each";
        /// Levels of departments, roots included.
        department_levels_max: u32 = "100" in "1" to "1000",
        costs "walking up this far to ask who runs or sees a department";
        /// Departments that a person is in.
        departments_per_person_max: u32 = "20" in "1" to "1000", costs "4 bytes of memory each";
        /// Departments, with all below them, that are moved or followed at once.
        moved_departments_max: u32 = "10000" in "1" to "20000",
        costs "up to 2 ms in which nothing else is decided";
        /// People below a department that is moved where other groups follow it.
        moved_people_max: u32 = "500" in "1" to "2000",
        costs "up to 2 ms in which nothing else is decided";
        /// Memberships that begin or end in one record as groups follow their departments.
        follow_changes_max: u32 = "5000" in "1" to "10000",
        costs "up to 2 ms in which nothing else is decided";
        /// Rows of a roster in one command.
        sync_rows_max: u32 = "500" in "1" to "1000",
        costs "up to 2 ms in which nothing else is decided";
        /// Departments made by the rows of one command.
        sync_departments_max: u32 = "2000" in "1" to "5000",
        costs "up to 2 ms in which nothing else is decided";
        /// People who may join a group by accepting, at a time.
        invitations_per_group_max: u32 = "500" in "1" to "2000", costs "24 bytes of memory each";
        /// How long an invitation can be accepted, in days.
        invitation_open_days: u32 = "7" in "1" to "365", costs "nothing";
        /// Sets of groups of a tenant.
        matrices_max: u32 = "1000" in "0" to "100000", costs "nothing";
        /// Groups of one set.
        matrix_groups_max: u32 = "1000" in "1" to "10000", costs "4 bytes each";
        /// People with their entries in one command.
        new_people_max: u32 = "500" in "1" to "1000",
        costs "up to 2 ms in which nothing else is decided";
        /// How long a one-time code to activate an account works, in hours.
        activation_hours: u32 = "72" in "1" to "8760",
        costs "as long for somebody else to find the message it was sent in";
        /// Wrong guesses after which a one-time code is void.
        activation_guesses_max: u32 = "5" in "1" to "100",
        costs "a chance of 1 in 100 million each to guess a code";
        /// Devices of a person that are remembered; beyond, the oldest in use is forgotten, and is
        /// a new one when it comes back.
        devices_per_person_max: u32 = "64" in "1" to "1000", costs "24 bytes of memory each";
        /// Networks in a tenant's IP allow-list.
        ip_allow_list_max: u32 = "256" in "1" to "4096",
        costs "comparing all of them when somebody connects";
        /// External contacts of an employee; inherited ones may be more.
        contacts_per_employee_max: u32 = "50000" in "1" to "200000",
        costs "about 24 bytes of memory each, and their tags";
        /// External contacts an employee may have before each further one needs a tag; at most the
        /// one before.
        untagged_contacts_max: u32 = "2000" in "0" to "200000", costs "nothing";
        /// Tags of an employee for one contact.
        tags_per_contact_max: u32 = "32" in "1" to "256", costs "their text in memory";
        /// How long an external contact may take to confirm a hand-over, in hours.
        hand_over_hours: u32 = "168" in "1" to "8760", costs "nothing";
        /// How long what waits for somebody's approval can be decided.
        approval_valid: TimeSpan = "72 h" in "1 min" to "30 d", costs "nothing";
        /// Requests for approval of one tenant that wait at a time.
        approvals_open_max: u32 = "1000" in "1" to "10000",
        costs "the memory of the command that waits, at most 64 KiB each";
        /// Requests for approval of one person that wait at a time.
        approvals_open_per_person_max: u32 = "20" in "1" to "1000", costs "nothing";
        /// Groups that one export names; an export of none is of all groups.
        export_groups_max: u32 = "1000" in "1" to "1000", costs "8 bytes of memory each and export";
        /// For how long a denied admin operation of one person is only counted after its first
        /// denial was recorded.
        denial_window: TimeSpan = "10 min" in "1 s" to "24 h",
        costs "where shorter, more records while somebody keeps trying";
        /// Denials of one tenant that are recorded one by one within a window; more are counted.
        denials_recorded_max: u32 = "100" in "1" to "1000",
        costs "up to this many records of 500 bytes a window and tenant";
        /// For how long one record says that the archive is pulled, whatever pages of that pull are asked
        /// for; a pull that reads further back or for something else is a record by itself.
        pull_window: TimeSpan = "24 h" in "1 min" to "30 d",
        costs "where shorter, more records while somebody keeps pulling";
        /// Records of one page of a pull; who asks for more gets as many.
        pull_page_records_max: u32 = "1000" in "1" to "100000", costs "nothing beside the page's bytes";
        /// Bytes of one page of a pull; who asks for more gets as many, or one longer record.
        pull_page_bytes_max: ByteSize = "256 KiB" in "4 KiB" to "16 MiB",
        costs "up to this much memory for each of `limits.pulls_max` of a connection that does not read";
        /// Messages in one command that imports history; their bodies are at most 64 KiB together.
        history_messages_per_command_max: u32 = "500" in "1" to "4096", costs "nothing";
        /// Imports of history that one tenant has going on within 30 days.
        imports_max: u32 = "100" in "1" to "10000", costs "32 bytes of memory each and tenant";
        /// Legal holds of a tenant.
        holds_max: u32 = "1000" in "1" to "10000", costs "a look for every record that is read or compacted";
        /// Groups that one hold names; a hold of none is of all groups.
        hold_groups_max: u32 = "1000" in "1" to "1000", costs "8 bytes of memory each and hold";
        /// Ranges of days that a tenant has erased, of all its groups together.
        erasures_max: u32 = "100000" in "1" to "1000000", costs "about 200 bytes of memory each";
        // Join codes, face-to-face, outward calls
        /// Codes that one person may get wrong in a minute, join codes and face-to-face digits together.
        wrong_codes_per_minute_max: u32 = "5" in "1" to "100", costs "as many tries at codes";
        /// Join codes of a group, those that are over included.
        join_codes_per_group_max: u32 = "1000" in "1" to "100000",
        costs "about 150 bytes of memory each";
        /// Members at which a live code moves on, where the code does not say.
        live_code_threshold: u32 = "200" in "2" to "8000", costs "nothing";
        /// Outward calls of a tenant that wait for their answer.
        open_calls_max: u32 = "10000" in "1" to "100000", costs "up to 1 KiB of memory each";
        /// How long an outward call waits for its answer.
        call_expiry: TimeSpan = "60 s" in "1 s" to "1 d", costs "open calls for as long";
        /// How long the digits of a face-to-face group hold.
        face_to_face_valid: TimeSpan = "10 min" in "10 s" to "1 d",
        costs "as many more tries at four digits";
        /// Face-to-face groups of a tenant whose digits hold.
        face_to_face_open_max: u32 = "10000" in "1" to "100000",
        costs "about 200 bytes of memory each, and some of the sequencer's time at each opening";
        /// Face-to-face groups that one person may have open: as many digits can be tried by opening.
        face_to_face_per_person_max: u32 = "5" in "1" to "100", costs "as many tries at digits";
    }

    /// The enterprise's system that is asked before somebody joins by a code with verification, and
    /// that sends activation codes. Without an address, calls wait for the enterprise to answer them.
    hook: Hook {
        /// Its address: https, or http on this machine. Empty for none.
        url: String = "", costs "a request per call";
        /// The secret that requests are signed with, at least 16 bytes. From the data directory unless
        /// absolute.
        secret_file: PathBuf = "keys/hook.secret", costs "nothing";
        /// Who may vouch for its certificate, PEM. From the data directory unless absolute.
        ca_file: PathBuf = "/etc/ssl/certs/ca-certificates.crt", costs "nothing";
        /// How long one call may take before it has failed.
        timeout: TimeSpan = "5 s" in "100 ms" to "10 min",
        costs "a thread for as long, where the system hangs";
        /// Calls made at once.
        calls_at_once_max: u16 = "16" in "1" to "256",
        costs "a thread each, and up to four more while some hang";
        /// Of these, one tenant's: one whose system hangs leaves the others their places.
        calls_at_once_per_tenant_max: u16 = "4" in "1" to "256", costs "nothing";
        /// Calls that wait for their turn; another is not made, and expires.
        calls_waiting_max: u32 = "10000" in "1" to "100000", costs "up to 1 KiB of memory each";
        /// Departments of a tenant.
        departments_max: u32 = "100000" in "1" to "1000000", costs "about 150 bytes of memory each";
        /// Levels of departments, roots included.
        department_levels_max: u32 = "100" in "1" to "1000",
        costs "walking up this far to ask who runs or sees a department";
        /// Departments that a person is in.
        departments_per_person_max: u32 = "20" in "1" to "1000", costs "4 bytes of memory each";
        /// Departments, with all below them, that are moved or followed at once.
        moved_departments_max: u32 = "10000" in "1" to "20000",
        costs "up to 2 ms in which nothing else is decided";
        /// People below a department that is moved where other groups follow it.
        moved_people_max: u32 = "500" in "1" to "2000",
        costs "up to 2 ms in which nothing else is decided";
        /// Memberships that begin or end in one record as groups follow their departments.
        follow_changes_max: u32 = "5000" in "1" to "10000",
        costs "up to 2 ms in which nothing else is decided";
        /// Rows of a roster in one command.
        sync_rows_max: u32 = "500" in "1" to "1000",
        costs "up to 2 ms in which nothing else is decided";
        /// Departments made by the rows of one command.
        sync_departments_max: u32 = "2000" in "1" to "5000",
        costs "up to 2 ms in which nothing else is decided";
    }

    /// The log: recovery log and archive in one.
    log: Log {
        /// Size of one segment file. Below 16 MiB the longest record shrinks to a quarter of it.
        segment_bytes: ByteSize = "128 MiB" in "1 MiB" to "1 GiB",
        costs "three times this much disk from the start: the open one, the next, and the reserve";
        /// Indexes of sealed segments kept in memory; another is rebuilt by reading its segment
        /// when it is needed.
        index_bytes_max: ByteSize = "64 MiB" in "0 B" to "64 GiB",
        costs "up to this much memory; an index takes about 1 % of its segment";
        /// Threads that check segments at a start.
        check_threads: u16 = "2" in "1" to "64", costs "about 2 MiB each while they run";
        /// Serve from a file system in memory, where nothing survives the machine. For tests.
        allow_tmpfs: bool = "false", costs "every record, when the machine stops";
    }

    /// Encryption of the log at rest. Off while neither a file nor a command gives a master key; a log
    /// that was encrypted once is only opened with its key again.
    encryption: Encryption {
        /// The file of the master key: 32 raw bytes, or 64 hexadecimal digits. Nobody but its owner may
        /// read it. From the data directory unless absolute, but keep it elsewhere: a copy of the
        /// directory with the key in it is a copy in plain. Empty for none.
        key_file: String = "", costs "the whole log, when the key is lost";
        /// A command that prints the master key, instead of a file, split at spaces and run without a
        /// shell: for a key service. Empty for none.
        key_command: String = "", costs "a start that waits for it";
        /// The cipher of what is written from the next start on: `aes-256-gcm` or `sm4-gcm`.
        algorithm: CipherName = "aes-256-gcm",
        costs "with `sm4-gcm`, several times the processor time per byte: few processors have instructions for it";
        /// Tenants with another cipher, as in `7=sm4-gcm,9=aes-256-gcm`.
        tenant_algorithms: TenantCiphers = "", costs "nothing";
    }

    /// Deciding, and the way from a command to what it makes visible.
    engine: Engine {
        /// Commands between the door and their release; past it requests are answered `Busy`.
        admission_bytes: ByteSize = "64 MiB" in "1 MiB" to "4 GiB",
        costs "up to this much memory";
        /// Attaches under way at once, in room of their own that publishes cannot take.
        attaches_max: u64 = "16384" in "64" to "1000000", costs "512 bytes each";
        /// Deliveries released to a shard that it has not taken yet; past it the shard reads them
        /// from the log.
        outbox_bytes: ByteSize = "32 MiB" in "1 MiB" to "4 GiB",
        costs "up to this much memory per shard";
        /// Threads that read the log for sessions that are behind.
        readers: u16 = "2" in "1" to "16",
        costs "a thread each, and disk bandwidth that the log wants too";
        /// Pages of the audit trail under way at once; more are answered Busy. They are made one after the
        /// other.
        audits_at_once_max: u32 = "16" in "1" to "1024", costs "100 KiB of memory each, and 6.5 MiB for the one being made";
        /// Bytes of the log that one page of a pull, or of the audit trail, looks through; where little of it is asked for, a page
        /// is short or empty and the next goes on.
        pull_pass_bytes: ByteSize = "8 MiB" in "64 KiB" to "1 GiB",
        costs "the other pulls a wait of about a millisecond for each 2 MiB: pages are made one after the other";
        /// Records between two snapshots: about how many a start replays at most.
        snapshot_every_records: u64 = "1000000" in "1000" to "1000000000",
        costs "a second state in memory while one is made; more records, a longer start";
    }

    /// What each shard keeps in memory.
    shard: Shard {
        /// Envelopes each shard keeps per online group for sessions that lag. A session further
        /// behind is served from the log, many times slower per message.
        ring_bytes: ByteSize = "256 KiB" in "16 KiB" to "64 MiB",
        costs "this much memory per shard and online group";
        /// What one session may be given in one write before it is the next one's turn.
        write_bytes: ByteSize = "128 KiB" in "4 KiB" to "16 MiB",
        costs "the shard's other sessions this much of a wait";
        /// What one session that is behind may be given in one write; such sessions take turns after
        /// those that are not.
        catch_up_bytes: ByteSize = "32 KiB" in "4 KiB" to "1 MiB",
        costs "the shard's other sessions about 1 µs of a wait per KiB";
        /// What is asked of the log at once for one group that is behind, in sequences.
        fetch_sequences: u64 = "256" in "1" to "65536",
        costs "one read of about as many messages";
        /// What is kept of one answer of the log; the rest is asked for again.
        fetch_bytes: ByteSize = "256 KiB" in "4 KiB" to "16 MiB",
        costs "this much memory per answer under way";
        /// Answers of the log awaited or kept at once.
        fetches_max: u16 = "32" in "1" to "1024",
        costs "as many times `fetch_bytes` of memory per shard";
    }

    /// The local port for metrics and health.
    http: Http {
        /// The address and TCP port of /metrics, /healthz and /readyz. Port 0 takes a free one.
        listen: SocketAddr = "127.0.0.1:9464", costs "one thread";
        /// Allow an address that other machines reach. Metrics are not secret, but nothing here
        /// asks who is there.
        allow_remote: bool = "false", costs "your metrics being readable by your network";
    }

    /// The transparency log: tiles and signed checkpoints over the record log, in `tlog/` of the data
    /// directory and on the HTTP port, for auditors (docs/archive.md).
    tlog: Tlog {
        /// Publish it.
        publish: bool = "true", costs "about a tenth of the log's disk, ten syncs of small files every time, and two more every 256 records";
        /// The key that signs, in the signed-note format; its name begins the origin. From the data
        /// directory unless absolute. While this is the default, a missing one is made.
        key_file: PathBuf = "keys/tlog.key", costs "nothing";
        /// How often it is looked whether there are new records to publish.
        every: TimeSpan = "500 ms" in "10 ms" to "1 min",
        costs "the less, the more syncs on the log's disk; past 1 s, records are signed later than promised";
        /// A directory on another disk in which the last checkpoint is kept besides, so that a start on an
        /// older copy of the data directory is refused. It must be there: name one below a mount point, not
        /// the mount point. Empty for none.
        seen_directory: PathBuf = "", costs "two syncs there, at most once a second";
        /// A command that asks a timestamp authority: an RFC 3161 request on its standard input, the reply on its
        /// output; split at spaces and run without a shell (docs/archive.md has one with curl). Empty for none.
        timestamp_command: String = "", costs "about 7 KiB of disk for each timestamp, kept for ever";
        /// How often the checkpoint is timestamped, where there are new records.
        timestamp_every: TimeSpan = "1 h" in "1 s" to "30 d", costs "the less, the more files";
        /// How long the command may take.
        timestamp_timeout: TimeSpan = "30 s" in "100 ms" to "10 min", costs "a thread for as long";
        /// Witnesses that cosign the checkpoint, as in `w.example+0a1b2c3d+BAAA… https://w.example/throng`: a key, a
        /// space, a submission prefix (https, or http on this machine), commas between several. Empty for none.
        witnesses: String = "", costs "a request to each, as often as `witness_every` says";
        /// How often they are asked, where there are new records.
        witness_every: TimeSpan = "10 s" in "100 ms" to "1 d", costs "the less, the more requests and syncs";
        /// How long a witness may take; the others' next request waits for it.
        witness_timeout: TimeSpan = "5 s" in "100 ms" to "5 min", costs "a thread for as long";
        /// Who may vouch for witnesses' certificates, PEM. From the data directory unless absolute.
        witness_ca_file: PathBuf = "/etc/ssl/certs/ca-certificates.crt", costs "nothing";
    }

    /// Exports of records that two super admins have agreed on (docs/archive.md).
    export: Export {
        /// Where they are written, each to a folder of its own. From the data directory unless
        /// absolute. Empty to write none: `throng archive export` does then, while no server runs.
        directory: PathBuf = "exports", costs "room for what is exported, in plain text: in JSON Lines and once more as mail";
        /// What stays free on their disk, which is often the log's own: an export that would leave less
        /// stops, is logged and counted as a failure, and goes on by itself once there is room. 0 lets
        /// exports fill the disk, and then the log refuses what everybody says.
        disk_margin_bytes: ByteSize = "1 GiB" in "0 B" to "100 TiB",
        costs "so much of the disk that no export uses";
        /// Records between two times that it is made durable how far an export has got: what a restart
        /// does again at most.
        durable_every_records: u64 = "50000" in "100" to "100000000",
        costs "the less, the more syncs of the exports' disk, about five each time";
    }

    /// Search in the archive by those entitled (docs/archive.md). Needs a build with `--features search`.
    search: Search {
        /// Keep an index of what was said, and search it.
        enabled: bool = "false", costs "about as much disk as the texts, and what `memory_bytes` says";
        /// Where the index is kept, sealed as the log is. From the data directory unless absolute.
        directory: PathBuf = "search", costs "nothing to remove while no server runs: it is made again from the log";
        /// How often new records are indexed.
        every: TimeSpan = "2 s" in "100 ms" to "1 h",
        costs "the less, the more syncs of small files, about ten each time";
        /// Memory to index with; beyond it, a part of the index is written early.
        memory_bytes: ByteSize = "64 MiB" in "16 MiB" to "1 GiB", costs "up to this much memory";
        /// Searches under way at once; more are answered Busy. They are made one after the other.
        at_once_max: u32 = "16" in "1" to "1024", costs "up to 100 KiB of memory each";
    }

    /// What the server says of itself, on standard error.
    logging: Logging {
        /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or per module as in
        /// `info,throng::quic=debug`.
        level: String = "info", costs "nothing at `info`; `debug` writes lines per connection";
        /// `text` for people, `json` for collectors.
        format: LogFormat = "text", costs "nothing";
    }
}
