//! Files of people, groups and history, in and out of a running server (SPEC D6, D10, G3).

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use throng::client::RequestError;
use throng::model::command::{
    CreateGroupV1, HistoryImportedV1, ImportHistoryV1, ListMembersV1, ListPeopleV1, MembersV1,
    PeopleSyncedV1, PersonEntryV1, Reply, SyncPeopleV1, TaggedCommand,
};
use throng::roster::{self, ColumnMap, Index, Person, Progress, Region, Report};
use throng::wire::{GroupId, PersonId, Refused};
use tokio::runtime::Runtime;

use super::connection::{Connection, Target};
use super::picture::Picture;
use crate::cli::DAMAGED;

/// Entries of one page.
const PAGE: u32 = 1_000;

/// What is done with a file.
pub(super) enum Action {
    Template(Template),
    Picture(Picture),
    ImportPeople(ImportPeople),
    ExportPeople(ExportPeople),
    ImportGroups(ImportGroups),
    ImportHistory(ImportHistory),
}

/// Print the CSV file to fill in.
#[derive(Args)]
pub(super) struct Template {
    #[arg(skip)]
    text: &'static str,
}

/// Import people from a CSV file (UTF-8 or GBK): new ones are added, known ones changed.
#[derive(Args)]
pub(super) struct ImportPeople {
    /// The file; its first row names the columns, as `throng admin directory template` shows.
    file: PathBuf,
    /// Only say what would become of each row.
    #[arg(long)]
    dry_run: bool,
    /// Make departments that do not exist; else their rows are refused.
    #[arg(long)]
    create_departments: bool,
    /// What another product's file calls the columns, such as "name=Full name,mobile=Phone".
    #[arg(long, value_name = "MAP", default_value = "")]
    columns: ColumnMap,
    /// The country of mobile numbers without a country code.
    #[arg(long, value_name = "COUNTRY", default_value = "CN")]
    region: Region,
    /// Write every refused row with column, value and reason there, as CSV.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Export people as the CSV file that importing them would leave unchanged.
#[derive(Args)]
pub(super) struct ExportPeople {
    /// Where to; standard output if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How its text is written.
    #[arg(long, default_value = "utf8-bom")]
    encoding: Encoding,
}

#[derive(Clone, Copy, ValueEnum)]
enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 by which Excel knows it.
    Utf8Bom,
    /// What Excel of Chinese Windows saves.
    Gbk,
}

/// Import groups from a CSV file: new ones are made, known ones get members.
#[derive(Args)]
pub(super) struct ImportGroups {
    /// The file; its first row names the columns, as `throng admin group template` shows.
    file: PathBuf,
    /// Only check the file, and look up who and what it names.
    #[arg(long)]
    dry_run: bool,
    /// Write every refused row with column, value and reason there, as CSV.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Import another product's messages from JSON Lines: archived, marked imported, not delivered.
#[derive(Args)]
pub(super) struct ImportHistory {
    /// The file: one JSON object a line (docs/operations.md).
    file: PathBuf,
    /// Only check the lines, and look up who and what they name.
    #[arg(long)]
    dry_run: bool,
    /// Your own number for this import: with the same number and file, one that stopped goes on.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    import: u64,
    /// Write every refused line with field, value and reason there, as CSV.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What an aggregate can do with files, as subcommands.
pub(super) fn subcommands(aggregate: &str) -> Vec<Command> {
    match aggregate {
        "directory" => vec![
            Template::augment_args(Command::new("template")),
            ImportPeople::augment_args(Command::new("import")),
            ExportPeople::augment_args(Command::new("export")),
        ],
        "group" => vec![
            Template::augment_args(Command::new("template")),
            ImportGroups::augment_args(Command::new("import")),
        ],
        "code" => vec![Picture::augment_args(Command::new("picture"))],
        "history" => vec![ImportHistory::augment_args(Command::new("import"))],
        _ => Vec::new(),
    }
}

/// The action that a subcommand names, if it is one of these.
pub(super) fn action(
    aggregate: &str,
    name: &str,
    given: &ArgMatches,
) -> Option<Result<Action, clap::Error>> {
    Some(match (aggregate, name) {
        ("directory", "template") => Ok(Action::Template(Template {
            text: roster::template(),
        })),
        ("group", "template") => Ok(Action::Template(Template {
            text: roster::groups::template(),
        })),
        ("code", "picture") => Picture::from_arg_matches(given).map(Action::Picture),
        ("directory", "import") => ImportPeople::from_arg_matches(given).map(Action::ImportPeople),
        ("directory", "export") => ExportPeople::from_arg_matches(given).map(Action::ExportPeople),
        ("group", "import") => ImportGroups::from_arg_matches(given).map(Action::ImportGroups),
        ("history", "import") => ImportHistory::from_arg_matches(given).map(Action::ImportHistory),
        _ => return None,
    })
}

impl Action {
    pub(super) fn run(
        self,
        runtime: Runtime,
        target: &Target,
        json: bool,
    ) -> anyhow::Result<ExitCode> {
        if let Self::Template(template) = self {
            print!("{}", template.text);
            return Ok(ExitCode::SUCCESS);
        }
        if let Self::Picture(picture) = &self {
            return picture.run();
        }
        let connection = runtime.block_on(Connection::open(target))?;
        let mut server = Server {
            runtime,
            connection,
        };
        match self {
            // Both are done above, without a server.
            Self::Template(_) | Self::Picture(_) => Ok(ExitCode::SUCCESS),
            Self::ImportPeople(import) => import.run(&mut server, json),
            Self::ExportPeople(export) => export.run(&mut server),
            Self::ImportGroups(import) => import.run(&mut server, json),
            Self::ImportHistory(import) => import.run(&mut server, json),
        }
    }
}

impl ImportPeople {
    fn run(self, server: &mut Server, json: bool) -> anyhow::Result<ExitCode> {
        let options = roster::Options {
            dry_run: self.dry_run,
            create_departments: self.create_departments,
            columns: self.columns,
            region: self.region,
            ..roster::Options::default()
        };
        let file = open(&self.file)?;
        let bar = bar();
        let report = roster::import(file, &options, server, |progress| show(&bar, progress));
        bar.finish_and_clear();
        tell(&report?, self.report.as_deref(), json)
    }
}

impl ExportPeople {
    fn run(self, server: &mut Server) -> anyhow::Result<ExitCode> {
        let encoding = match self.encoding {
            Encoding::Utf8 => roster::Encoding::Utf8,
            Encoding::Utf8Bom => roster::Encoding::Utf8Bom,
            Encoding::Gbk => roster::Encoding::Gbk,
        };
        let people = server.people()?;
        let people = people.into_iter().map(person);
        match &self.out {
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                roster::export(people, io::BufWriter::new(file), encoding)?;
            }
            None => roster::export(people, io::stdout().lock(), encoding)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl ImportGroups {
    fn run(self, server: &mut Server, json: bool) -> anyhow::Result<ExitCode> {
        let index = server.index()?;
        let options = roster::groups::Options {
            dry_run: self.dry_run,
            ..roster::groups::Options::default()
        };
        let file = open(&self.file)?;
        let bar = bar();
        let show = |progress| show(&bar, progress);
        let report = roster::groups::import(file, &options, &index, server, show);
        bar.finish_and_clear();
        tell(&report?, self.report.as_deref(), json)
    }
}

impl ImportHistory {
    fn run(self, server: &mut Server, json: bool) -> anyhow::Result<ExitCode> {
        let names = Names(server.index()?);
        let options = roster::history::Options {
            dry_run: self.dry_run,
            import: self.import,
        };
        let file = open(&self.file)?;
        let bar = bar();
        let show = |progress| show(&bar, progress);
        let report = roster::history::read(file, options, &names, server, show);
        bar.finish_and_clear();
        tell(&report?, self.report.as_deref(), json)
    }
}

/// A server as files see it: one question after the other.
struct Server {
    runtime: Runtime,
    connection: Connection,
}

/// Why a file could not be carried on with.
#[derive(Debug, thiserror::Error)]
enum ServerError {
    #[error("{0}")]
    Request(#[from] RequestError),
    #[error("the server answered with something else: {0}")]
    Unexpected(String),
}

impl Server {
    fn ask(&mut self, command: TaggedCommand) -> Result<Reply, ServerError> {
        Ok(self.runtime.block_on(self.connection.ask(command))?)
    }

    /// [`Server::ask`], where a refusal is an answer.
    fn try_ask(&mut self, command: TaggedCommand) -> Result<Result<Reply, Refused>, ServerError> {
        match self.ask(command) {
            Ok(reply) => Ok(Ok(reply)),
            Err(ServerError::Request(RequestError::Refused(refused))) => Ok(Err(refused)),
            Err(error) => Err(error),
        }
    }

    /// Everybody in the directory.
    fn people(&mut self) -> Result<Vec<PersonEntryV1>, ServerError> {
        let mut people: Vec<PersonEntryV1> = Vec::new();
        loop {
            let after = people.last().map_or(PersonId(0), |last| last.person);
            let list = ListPeopleV1 { after, limit: PAGE };
            match self.ask(TaggedCommand::ListPeople(list))? {
                Reply::People(page) => {
                    people.extend(page.people);
                    if !page.more {
                        return Ok(people);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    fn index(&mut self) -> Result<Index, ServerError> {
        let mut index = Index::default();
        for entry in self.people()? {
            let id = entry.person;
            index.add(id, &person(entry));
        }
        Ok(index)
    }
}

fn unexpected(reply: &Reply) -> ServerError {
    ServerError::Unexpected(format!("{reply:?}"))
}

fn person(entry: PersonEntryV1) -> Person {
    Person {
        name: entry.name,
        employee_number: entry.employee_number,
        mobile: entry.mobile,
        departments: entry.departments,
        position: entry.position,
        email: entry.email,
        external_id: entry.external_id,
    }
}

impl roster::Directory for Server {
    type Error = ServerError;

    fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, ServerError> {
        match self.ask(TaggedCommand::SyncPeople(rows.clone()))? {
            Reply::PeopleSynced(synced) => Ok(synced),
            other => Err(unexpected(&other)),
        }
    }
}

impl roster::groups::Groups for Server {
    type Error = ServerError;

    fn create(&mut self, group: &CreateGroupV1) -> Result<Result<GroupId, Refused>, ServerError> {
        match self.try_ask(TaggedCommand::CreateGroup(group.clone()))? {
            Ok(Reply::GroupCreated(created)) => Ok(Ok(created.group)),
            Ok(other) => Err(unexpected(&other)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    fn add(&mut self, members: &MembersV1) -> Result<Result<(), Refused>, ServerError> {
        let added = self.try_ask(TaggedCommand::AddMembers(members.clone()))?;
        Ok(added.map(|_| ()))
    }

    fn members(&mut self, group: GroupId) -> Result<Option<Vec<PersonId>>, ServerError> {
        let mut members: Vec<PersonId> = Vec::new();
        loop {
            let list = ListMembersV1 {
                group,
                after: members.last().copied().unwrap_or(PersonId(0)),
                limit: PAGE,
            };
            match self.try_ask(TaggedCommand::ListMembers(list))? {
                Ok(Reply::Members(page)) => {
                    members.extend(page.members.iter().map(|member| member.person));
                    if !page.more {
                        return Ok(Some(members));
                    }
                }
                Ok(other) => return Err(unexpected(&other)),
                Err(_) => return Ok(None),
            }
        }
    }
}

impl roster::history::History for Server {
    type Error = ServerError;

    fn import(&mut self, chunk: &ImportHistoryV1) -> Result<HistoryImportedV1, ServerError> {
        match self.ask(TaggedCommand::ImportHistory(chunk.clone()))? {
            Reply::HistoryImported(imported) => Ok(imported),
            other => Err(unexpected(&other)),
        }
    }
}

/// Groups by their number, people by any of their keys.
struct Names(Index);

impl roster::history::Lookup for Names {
    fn group(&self, key: &str) -> Option<GroupId> {
        key.parse().ok().map(GroupId)
    }

    fn person(&self, key: &str) -> Option<PersonId> {
        roster::groups::People::find(&self.0, key)
    }
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::new(file))
}

fn bar() -> ProgressBar {
    ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, row {msg}, {eta} to go")
            .expect("the template is a constant"),
    )
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes);
    bar.set_message(progress.rows.to_string());
}

/// Prints the report; exit code 1 where rows were refused.
fn tell(report: &Report, problems: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    if let Some(path) = problems {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        report.write_csv(io::BufWriter::new(file))?;
    }
    if json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        print!("{report}");
    }
    io::stdout().flush()?;
    Ok(if report.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DAMAGED)
    })
}
