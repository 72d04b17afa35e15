//! What a scenario file says. Every key is documented here; unknown keys are refused.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::away::Away;

/// The version of scenario files this build reads.
const SCHEMA: u32 = 1;

/// A whole scenario.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// Version of this file's format: 1.
    pub(crate) schema: u32,
    /// Its name in reports.
    pub(crate) name: String,
    /// Who there is.
    pub(crate) people: People,
    /// How they connect.
    #[serde(default)]
    pub(crate) connections: Connections,
    /// Gateways, which carry all members but the library's clients, and all viewers.
    pub(crate) gateways: Option<Gateways>,
    /// People who watch and are no members; then there is one group, a training group.
    pub(crate) viewers: Option<Viewers>,
    /// What messages say.
    #[serde(default)]
    pub(crate) texts: Texts,
    /// Messages to groups; this or `mass_sends`.
    pub(crate) publish: Option<Publish>,
    /// Mass sends to many groups; this or `publish`.
    pub(crate) mass_sends: Option<MassSends>,
    /// Members who are away for a while. With `publish` at a rate, for as long as this takes.
    pub(crate) away: Option<Away>,
    /// Kills of the server.
    #[serde(default)]
    pub(crate) crashes: Crashes,
    /// The server.
    #[serde(default)]
    pub(crate) server: Server,
}

/// Who there is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct People {
    /// People, each with a connection. 3 to 20,000.
    pub(crate) members: usize,
    /// Internal groups. Default 1.
    #[serde(default = "one")]
    pub(crate) groups: usize,
    /// Members of each group: all senders, and others in turn. Default: everybody. 3 to 2,000.
    pub(crate) members_per_group: Option<usize>,
}

/// How members connect.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Connections {
    /// Members that connect through the client library, senders first; the others share one
    /// sans-IO loop. Default 8, at least the senders.
    pub(crate) library_clients: usize,
    /// UDP sockets of the loop. Default 16, so that a wave fits default socket buffers.
    pub(crate) sockets: usize,
    /// Handshakes at a time. Default 64.
    pub(crate) handshakes_at_once: usize,
    /// Members start at the groups' heads rather than at their own join. Default true.
    pub(crate) live_only: bool,
    /// How long nothing may be heard of the server, in milliseconds. Default 30,000.
    pub(crate) idle_timeout_ms: u64,
    /// How often a silent connection is kept alive, in milliseconds. Default 10,000.
    pub(crate) keep_alive_ms: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            library_clients: 8,
            sockets: 16,
            handshakes_at_once: 64,
            live_only: true,
            idle_timeout_ms: 30_000,
            keep_alive_ms: 10_000,
        }
    }
}

/// Connections that carry many people each.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gateways {
    /// Gateway connections, each with a thread here; people are spread evenly. 1 to 64.
    pub(crate) connections: usize,
}

/// Who watches a training group, by its watch password. They come through gateways.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Viewers {
    /// How many, beside the members. 1 to 100,000.
    pub(crate) count: usize,
}

/// What messages say, when no corpus is given.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Texts {
    /// The median length of a message, in bytes; lengths are log-normal around it. Default 256.
    pub(crate) median_bytes: usize,
    /// Messages of exactly the median length. Default false.
    pub(crate) fixed_length: bool,
    /// Where the generator starts. Default 1.
    pub(crate) seed: u64,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            median_bytes: 256,
            fixed_length: false,
            seed: 1,
        }
    }
}

/// Messages to groups, by senders in turn and to groups in turn.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    /// People who publish. 1 to `library_clients`.
    pub(crate) senders: usize,
    /// Messages a second in all; 0 is as fast as the window allows.
    pub(crate) rate_per_s: f64,
    /// For how long, in seconds.
    pub(crate) seconds: f64,
    /// How many, when the rate is 0.
    pub(crate) messages: Option<usize>,
    /// So many at a time, at the same rate in all. Default 1. With a rate only.
    #[serde(default = "one")]
    pub(crate) at_once: usize,
    /// One message in so many is urgent, beginning with the last of them. Default 0: none.
    #[serde(default)]
    pub(crate) urgent_every: usize,
    /// Messages that may be with some members and not yet with all. Default 64.
    #[serde(default = "sixty_four")]
    pub(crate) window: usize,
}

/// Mass sends of one sender until the quota refuses, and of another who must not notice.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MassSends {
    /// Mass sends that must pass; the next is refused and freezes (SPEC Q2). The quota's limit.
    pub(crate) pass: usize,
    /// Mass sends of the other sender, all of which must pass.
    pub(crate) other_sender: usize,
    /// Mass sends in flight at a time. Default 8.
    #[serde(default = "eight")]
    pub(crate) window: usize,
}

/// When the server is killed (-9) and restarted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Crashes {
    /// How often: spread evenly over the messages. Default 0.
    pub(crate) kills: usize,
}

/// The server's own settings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Shards. Default: the server's own.
    pub(crate) shards: Option<u16>,
    /// Its knobs by name, as in `{ "limits.idle_timeout" = "3 min" }`. Default none.
    pub(crate) knobs: BTreeMap<String, String>,
}

fn one() -> usize {
    1
}

fn eight() -> usize {
    8
}

fn sixty_four() -> usize {
    64
}

impl Scenario {
    /// Reads and checks the file at `path`; `seconds` and `viewers` replace what it says.
    pub(crate) fn load(
        path: &Path,
        seconds: Option<f64>,
        viewers: Option<usize>,
    ) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read scenario {}", path.display()))?;
        Self::parse(&text, seconds, viewers)
            .with_context(|| format!("scenario {} cannot be run", path.display()))
    }

    fn parse(text: &str, seconds: Option<f64>, viewers: Option<usize>) -> anyhow::Result<Self> {
        let mut scenario: Self = toml::from_str(text)?;
        if let (Some(publish), Some(seconds)) = (&mut scenario.publish, seconds) {
            publish.seconds = seconds;
        }
        if let (Some(away), Some(seconds)) = (&mut scenario.away, seconds) {
            away.seconds = seconds;
        }
        if let (Some(publish), Some(away)) = (&mut scenario.publish, &scenario.away) {
            publish.seconds = away.publish_seconds();
        }
        if let Some(count) = viewers {
            match &mut scenario.viewers {
                Some(viewers) => viewers.count = count,
                None => bail!("--viewers is for scenarios with [viewers]"),
            }
        }
        scenario.check()?;
        Ok(scenario)
    }

    /// Refuses what cannot be run.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.schema != SCHEMA {
            bail!("schema is {}, this build reads {SCHEMA}", self.schema);
        }
        let senders = self.senders();
        let per_group = self.members_per_group();
        let within = |what: &str, value: usize, from: usize, to: usize| {
            if (from..=to).contains(&value) {
                return Ok(());
            }
            bail!("{what} is {value}; it must be {from} to {to}")
        };
        within("people.members", self.people.members, 3, 20_000)?;
        within("people.groups", self.people.groups, 1, 10_000)?;
        let group_max = self.people.members.min(2_000);
        within("people.members_per_group", per_group, 3, group_max)?;
        within("senders", senders, 1, per_group)?;
        let library = self.connections.library_clients;
        within(
            "connections.library_clients",
            library,
            senders,
            self.people.members,
        )?;
        within("connections.sockets", self.connections.sockets, 1, 1_024)?;
        within(
            "connections.handshakes_at_once",
            self.connections.handshakes_at_once,
            1,
            4_096,
        )?;
        within("texts.median_bytes", self.texts.median_bytes, 16, 16_384)?;
        if self.connections.keep_alive_ms >= self.connections.idle_timeout_ms {
            bail!("connections.keep_alive_ms must be below connections.idle_timeout_ms");
        }
        if let Some(away) = &self.away {
            away.check(self.people.members, library)?;
            if !self.publish.as_ref().is_some_and(|it| it.rate_per_s > 0.0) {
                bail!("[away] needs [publish] with a rate");
            }
        }
        self.check_gateways()?;
        match (&self.publish, &self.mass_sends) {
            (Some(publish), None) => publish.check(),
            (None, Some(mass_sends)) => {
                within("mass_sends.pass", mass_sends.pass, 1, 100_000)?;
                within("mass_sends.window", mass_sends.window, 1, 512)
            }
            _ => bail!("a scenario has one of [publish] and [mass_sends]"),
        }
    }

    fn check_gateways(&self) -> anyhow::Result<()> {
        let viewers = self.viewers();
        let Some(gateways) = &self.gateways else {
            if self.viewers.is_some() {
                bail!("[viewers] come through [gateways], of which there are none");
            }
            return Ok(());
        };
        if !(1..=64).contains(&gateways.connections) {
            let given = gateways.connections;
            bail!("gateways.connections is {given}; it must be 1 to 64");
        }
        if self.viewers.is_some() && !(1..=100_000).contains(&viewers) {
            bail!("viewers.count is {viewers}; it must be 1 to 100000");
        }
        if self.viewers.is_some() && self.people.groups != 1 {
            bail!("people.groups must be 1 where there are [viewers]");
        }
        if self.people.groups > 64 {
            bail!("people.groups must be at most 64 where there are [gateways]");
        }
        if self.crashes.kills > 0 || self.mass_sends.is_some() {
            bail!("[gateways] are for [publish] without [crashes]");
        }
        if self.carried() == 0 {
            bail!("nobody would come through [gateways]: everybody is a library client");
        }
        Ok(())
    }

    /// People who watch.
    pub(crate) fn viewers(&self) -> usize {
        self.viewers.as_ref().map_or(0, |viewers| viewers.count)
    }

    /// People who come through gateways.
    pub(crate) fn carried(&self) -> usize {
        if self.gateways.is_none() {
            return 0;
        }
        self.people.members - self.connections.library_clients + self.viewers()
    }

    /// People who send anything.
    pub(crate) fn senders(&self) -> usize {
        match &self.publish {
            Some(publish) => publish.senders,
            None => 2,
        }
    }

    /// Members of each group.
    pub(crate) fn members_per_group(&self) -> usize {
        let all = self.people.members;
        self.people.members_per_group.unwrap_or(all)
    }
}

impl Publish {
    fn check(&self) -> anyhow::Result<()> {
        if !self.rate_per_s.is_finite() || self.rate_per_s < 0.0 || !self.seconds.is_finite() {
            bail!("publish.rate_per_s and publish.seconds must be numbers from 0");
        }
        if self.rate_per_s == 0.0 && self.messages.is_none() {
            bail!("publish.messages is needed when publish.rate_per_s is 0");
        }
        if self.at_once == 0 || self.at_once > 1 && self.rate_per_s == 0.0 {
            bail!("publish.at_once must be 1 or more, and 1 without a rate");
        }
        if self.count() == 0 || self.window == 0 {
            bail!("nothing would be published");
        }
        Ok(())
    }

    /// Messages in all.
    pub(crate) fn count(&self) -> usize {
        if self.rate_per_s == 0.0 {
            return self.messages.unwrap_or(0);
        }
        (self.rate_per_s * self.seconds).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "
        schema = 1
        name = 'short'
        people = { members = 10 }
        publish = { senders = 2, rate_per_s = 20, seconds = 30 }
    ";

    fn error(text: &str) -> String {
        format!("{:#}", Scenario::parse(text, None, None).unwrap_err())
    }

    #[test]
    fn the_shipped_scenarios_can_be_run() {
        for text in [
            include_str!("../scenarios/all-hands.toml"),
            include_str!("../scenarios/mass-send.toml"),
            include_str!("../scenarios/crash.toml"),
            include_str!("../scenarios/stalled.toml"),
            include_str!("../scenarios/storm.toml"),
            include_str!("../scenarios/urgent.toml"),
            include_str!("../scenarios/urgent-alone.toml"),
            include_str!("../scenarios/gateway.toml"),
            include_str!("../scenarios/broadcast.toml"),
        ] {
            Scenario::parse(text, None, None).unwrap();
        }
    }

    #[test]
    fn what_is_not_said_has_its_documented_default() {
        let scenario = Scenario::parse(SHORT, None, None).unwrap();
        assert_eq!(scenario.members_per_group(), 10);
        assert_eq!(scenario.connections.library_clients, 8);
        assert_eq!(scenario.publish.unwrap().count(), 600);
    }

    #[test]
    fn seconds_on_the_command_line_replace_those_of_the_file() {
        let scenario = Scenario::parse(SHORT, Some(2.0), None).unwrap();
        assert_eq!(scenario.publish.unwrap().count(), 40);
    }

    #[test]
    fn messages_are_published_for_as_long_as_members_are_away() {
        let away = "\n[away]\nkind = 'stall'\nshare = 0.1\nseconds = 60\nrecover_seconds = 20\nratio_max = 1.5";
        let text = format!("{SHORT}{away}");
        let scenario = Scenario::parse(&text, None, None).unwrap();
        assert_eq!(scenario.publish.unwrap().count(), 20 * 160);
        let scenario = Scenario::parse(&text, Some(5.0), None).unwrap();
        assert_eq!(scenario.publish.unwrap().count(), 20 * 50);
        assert!(error(&text.replace("share = 0.1", "share = 0.5")).contains("away.share"));
    }

    #[test]
    fn viewers_on_the_command_line_replace_those_of_the_file_and_need_gateways() {
        let text = include_str!("../scenarios/broadcast.toml");
        let scenario = Scenario::parse(text, None, Some(70)).unwrap();
        assert_eq!(scenario.carried(), 70);
        let error = |text| format!("{:#}", Scenario::parse(text, None, Some(7)).unwrap_err());
        assert!(error(SHORT).contains("--viewers"));
        let without = text.replace("[gateways]\nconnections = 1\n", "");
        assert!(error(&without).contains("[gateways]"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let text = format!("{SHORT}\n[crashes]\nkils = 3");
        assert!(error(&text).contains("kils"));
    }

    #[test]
    fn another_schema_and_impossible_numbers_are_refused_with_the_key() {
        assert!(error(&SHORT.replace("schema = 1", "schema = 2")).contains("schema is 2"));
        assert!(error(&SHORT.replace("members = 10", "members = 2")).contains("people.members"));
        let one = "name = 'x'\nconnections = { library_clients = 1 }";
        assert!(error(&SHORT.replace("name = 'short'", one)).contains("library_clients"));
        assert!(error(&SHORT.replace("rate_per_s = 20", "rate_per_s = 0")).contains("messages"));
    }
}
