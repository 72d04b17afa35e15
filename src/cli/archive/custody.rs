//! `throng archive hold | release | retention`: asked of a running server, which records who and why.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use throng::model::command::{
    ApprovalPendingV1, ContentClass, GetRetentionV1, HoldStateV1, ListHoldsV1, PlaceHoldV1,
    ReleaseHoldV1, Reply, SetRetentionV1, TaggedCommand,
};
use throng::wire::{GroupId, HoldId};

use crate::cli::admin::{Connection, Target};

/// Place a legal hold, or list those that stand: what it covers is neither erased nor expires.
#[derive(Args)]
pub(in super::super) struct Hold {
    #[command(flatten)]
    target: Target,
    /// Hold these groups, comma-separated ids; all the enterprise has without any.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    groups: Vec<u64>,
    /// The first UTC day that is held, as 2026-01-31.
    #[arg(long, value_name = "DAY", requires_all = ["until", "reason"], value_parser = day)]
    from: Option<i32>,
    /// The last UTC day that is held; it may be in the future.
    #[arg(long, value_name = "DAY", requires = "from", value_parser = day)]
    until: Option<i32>,
    /// Why; it is recorded.
    #[arg(long, requires = "from")]
    reason: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Release a legal hold: what was due without it is gone at once.
#[derive(Args)]
pub(in super::super) struct Release {
    #[command(flatten)]
    target: Target,
    /// The hold's number, as `throng archive hold` says it.
    hold: u64,
    /// Why; it is recorded.
    #[arg(long)]
    reason: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Say how long content and the audit trail are kept, or set it for one class.
#[derive(Args)]
pub(in super::super) struct Retention {
    #[command(flatten)]
    target: Target,
    /// The class to set.
    #[arg(long, value_enum, requires_all = ["keep_days", "reason"])]
    class: Option<Class>,
    /// Whole UTC days that it is kept after its day; 0 for ever.
    #[arg(long, value_name = "DAYS", requires = "class")]
    keep_days: Option<u32>,
    /// Why; it is recorded.
    #[arg(long, requires = "class")]
    reason: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Class {
    Internal,
    External,
    Training,
    Direct,
    /// Of no group or of many, as the text of a mass send.
    Ungrouped,
    /// Who did what and when: kept for ever unless set. It goes with whole files, once all in them is over.
    AuditTrail,
}

impl From<Class> for ContentClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Internal => Self::Internal,
            Class::External => Self::External,
            Class::Training => Self::Training,
            Class::Direct => Self::Direct,
            Class::Ungrouped => Self::Ungrouped,
            Class::AuditTrail => Self::AuditTrail,
        }
    }
}

impl Hold {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let (Some(first_day), Some(last_day), Some(reason)) = (self.from, self.until, self.reason)
        else {
            if !self.groups.is_empty() {
                bail!("a hold needs --from, --until and --reason");
            }
            return asked(&self.target, self.json, list, |holds| {
                if holds.is_empty() {
                    println!("no holds");
                }
                holds.iter().for_each(show);
            });
        };
        let place = TaggedCommand::PlaceHold(PlaceHoldV1 {
            groups: self.groups.into_iter().map(GroupId).collect(),
            first_day,
            last_day,
            reason,
        });
        asked(&self.target, self.json, once(place), |reply| match reply {
            Reply::HoldPlaced(placed) => println!("hold {} stands", placed.hold),
            other => show_other(other),
        })
    }
}

impl Release {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let hold = HoldId(self.hold);
        let reason = self.reason;
        let release = TaggedCommand::ReleaseHold(ReleaseHoldV1 { hold, reason });
        asked(
            &self.target,
            self.json,
            once(release),
            |reply| match reply {
                Reply::Done(_) => println!("hold {hold} is released"),
                other => show_other(other),
            },
        )
    }
}

impl Retention {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let command = match (self.class, self.keep_days, self.reason) {
            (Some(class), Some(days), Some(reason)) => {
                let class = class.into();
                TaggedCommand::SetRetention(SetRetentionV1 {
                    class,
                    days,
                    reason,
                })
            }
            _ => TaggedCommand::GetRetention(GetRetentionV1 {}),
        };
        asked(
            &self.target,
            self.json,
            once(command),
            |reply| match reply {
                Reply::Done(_) => println!("the retention is set"),
                Reply::Retention(retention) => {
                    for class in &retention.classes {
                        let kept = match class.days {
                            0 => "for ever".to_owned(),
                            days => format!("{days} days"),
                        };
                        let expired = match class.expired_through {
                            i32::MIN => "nothing has expired".to_owned(),
                            day => format!("expired through {}", date(day)),
                        };
                        println!("{:<11} {kept:<12} {expired}", format!("{:?}", class.class));
                    }
                }
                other => show_other(other),
            },
        )
    }
}

fn once(command: TaggedCommand) -> impl AsyncFnOnce(&Connection) -> anyhow::Result<Reply> {
    async move |connection| Ok(connection.ask(command).await?)
}

async fn list(connection: &Connection) -> anyhow::Result<Vec<HoldStateV1>> {
    let (mut holds, mut after) = (Vec::new(), HoldId(0));
    loop {
        let list = ListHoldsV1 { after, limit: 100 };
        let Reply::Holds(page) = connection.ask(TaggedCommand::ListHolds(list)).await? else {
            bail!("the server answered with something else than holds");
        };
        let last = page.holds.last().map(|hold| hold.hold);
        holds.extend(page.holds);
        match last.filter(|_| page.more) {
            Some(last) => after = last,
            None => return Ok(holds),
        }
    }
}

fn asked<T: serde::Serialize>(
    target: &Target,
    json: bool,
    ask: impl AsyncFnOnce(&Connection) -> anyhow::Result<T>,
    show: impl FnOnce(&T),
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        let connection = Connection::open(target).await?;
        let answer = ask(&connection).await;
        connection.close().await;
        answer
    })?;
    if json {
        println!("{}", serde_json::to_value(&answer)?);
    } else {
        show(&answer);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(hold: &HoldStateV1) {
    let groups: Vec<_> = hold.groups.iter().map(ToString::to_string).collect();
    let groups = match groups.as_slice() {
        [] => "all groups".to_owned(),
        groups => format!("groups {}", groups.join(", ")),
    };
    let released = match hold.released {
        true => " (released, kept by another)",
        false => "",
    };
    println!(
        "hold {}{released}: {groups}, {} to {}, by person {} at {}: {}",
        hold.hold,
        date(hold.first_day),
        date(hold.last_day),
        hold.by,
        hold.placed_at,
        hold.reason
    );
}

fn show_other(reply: &Reply) {
    match reply {
        Reply::ApprovalPending(ApprovalPendingV1 { approval, .. }) => {
            println!("waits for another super admin: approval {approval}");
        }
        other => println!("{other:?}"),
    }
}

/// A UTC day of the calendar, counted from 1970-01-01.
fn day(text: &str) -> Result<i32, String> {
    let date: jiff::civil::Date = text
        .parse()
        .map_err(|_| "a day is written as 2026-01-31".to_owned())?;
    let days = (date - jiff::civil::date(1970, 1, 1)).get_days();
    Ok(days)
}

fn date(day: i32) -> String {
    let days = jiff::Span::new().try_days(day);
    let date = days.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
    date.map_or_else(|_| format!("day {day}"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day("1970-01-01"), Ok(0));
        assert_eq!(day("2026-03-01"), Ok(20_513));
        assert_eq!(day("1969-12-31"), Ok(-1));
        assert_eq!(date(20_513), "2026-03-01");
        assert_eq!(date(i32::MAX), format!("day {}", i32::MAX));
        day("yesterday").expect_err("no day");
    }
}
