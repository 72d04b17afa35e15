//! January: the enterprise, its people from a CSV file, their accounts and their roles.

use std::collections::HashMap;
use std::io::Cursor;

use throng::model::Refusal;
use throng::model::command::{
    ActivatePersonV1, CreateTenantV1, OrgRole, PeopleSyncedV1, PersonEntryV1, PersonStatus,
    PersonV1, Reply, SetOrgRoleV1, Succession, SyncPeopleV1, TaggedCommand as T,
};
use throng::model::event::Event;
use throng::roster::{self, Problem, Reason, Report};
use throng::wire::{PersonId, RecordNumber};

use crate::enterprise_year::company::{
    Company, DEVELOPMENT, LI, MA, PLATFORM, SALES, SUN, WANG, ZHAO,
};
use crate::enterprise_year::world::{TENANT, World, answered, at, refused, reply};

/// A dozen people, and one mobile number that is a digit short.
const ROSTER: &str = "\
姓名,工号,手机,部门,职务,邮箱,账号
孙悦,C001,13800138001,总部,总经理,sunyue@example.com,sunyue
马超,C002,13800138002,总部,人事经理,machao@example.com,machao
王芳,A001,13800138003,总部/研发/平台,架构师,wangfang@example.com,wangfang
李娜,A002,13800138004,总部/研发/平台,工程师,lina@example.com,lina
钱多,A009,1380013800,总部/研发/平台,工程师,qianduo@example.com,qianduo
张伟,A003,13800138005,总部/研发/平台,工程师,zhangwei@example.com,zhangwei
刘洋,A004,13800138006,总部/研发/前端,工程师,liuyang@example.com,liuyang
陈静,A005,13800138007,总部/研发/前端,工程师,chenjing@example.com,chenjing
杨帆,A006,13800138008,总部/研发/前端,设计师,yangfan@example.com,yangfan
赵磊,B001,13800138009,总部/销售,销售总监,zhaolei@example.com,zhaolei
黄敏,B002,13800138010,总部/销售,销售,huangmin@example.com,huangmin
周杰,B003,13800138011,总部/销售,销售,zhoujie@example.com,zhoujie
吴迪,B004,13800138012,总部/销售,销售,wudi@example.com,wudi
";

/// The directory behind the embedding API, as a backend imports into it.
struct Behind<'a>(&'a World);

impl roster::Directory for Behind<'_> {
    type Error = Refusal;

    fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, Refusal> {
        match self.0.ask(T::SyncPeople(rows.clone()))? {
            Reply::PeopleSynced(synced) => Ok(synced),
            other => panic!("{other:?}"),
        }
    }
}

fn import(world: &World) -> Report {
    let options = roster::Options {
        create_departments: true,
        ..roster::Options::default()
    };
    roster::import(Cursor::new(ROSTER), &options, &mut Behind(world), |_| {}).unwrap()
}

pub(crate) async fn found(world: &World) -> Company {
    // D1: a verified enterprise, in whose own zone days and months count.
    let tenant = world.engine.create_tenant(CreateTenantV1 {
        name: "远山科技".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        verified_until: at("2029-01-01T00:00:00Z"),
        succession: Succession::AdminFirst,
    });
    assert_eq!(tenant.unwrap(), TENANT);

    let company = import_twice(world);
    activate_everybody(world, &company).await;
    appoint(world, &company).await;
    company
}

/// D6: a bad row costs itself only, and the same file once more changes nothing.
fn import_twice(world: &World) -> Company {
    let report = import(world);
    assert_eq!((report.created, report.refused), (12, 1), "{report}");
    let bad = Problem {
        row: 6,
        line: 6,
        column: "手机".to_owned(),
        value: "1380013800".to_owned(),
        reason: Reason::PhoneFormat {
            region: "CN".to_owned(),
        },
    };
    assert_eq!(report.problems, [bad]);

    let before = world.engine.durable();
    let again = import(world);
    let counts = (again.created, again.updated, again.unchanged, again.refused);
    assert_eq!(counts, (0, 0, 12, 1), "{again}");
    assert_eq!(world.engine.durable(), before);

    let company = Company::read(world);
    assert_eq!(company.everybody().len(), 12);
    let entry = person(world, company.id(LI));
    assert_eq!(entry.departments, [PLATFORM]);
    assert_eq!(entry.mobile, "+8613800138004");
    company
}

fn person(world: &World, person: PersonId) -> PersonEntryV1 {
    reply!(world.ask(T::GetPerson(PersonV1 { person })), Person)
}

/// D3: newcomers are invited, and each uses the account from their one-time code on.
async fn activate_everybody(world: &World, company: &Company) {
    // The enterprise's hook is told the codes of these records.
    let mut codes = HashMap::new();
    for (_, events) in world.records(RecordNumber(0)) {
        for event in events {
            if let Event::ActivationsIssued(issued) = event {
                codes.extend(issued.codes.into_iter().map(|of| (of.person, of.code)));
            }
        }
    }
    assert_eq!(codes.len(), 12);
    for id in company.everybody() {
        assert_eq!(person(world, id).status, PersonStatus::Invited);
        let session = world.person(id).await;
        let code = codes[&id].clone();
        if id == company.id(WANG) {
            let mut wrong = code.clone();
            wrong.replace_range(..1, if code.starts_with('0') { "1" } else { "0" });
            let activate = ActivatePersonV1 {
                person: id,
                code: wrong,
            };
            let rule = Refusal::WrongActivationCode {
                person: id,
                left: 4,
            };
            refused(session.ask(T::ActivatePerson(activate)).await, &rule);
        }
        let activate = ActivatePersonV1 { person: id, code };
        reply!(session.ask(T::ActivatePerson(activate)).await, Done);
        assert_eq!(person(world, id).status, PersonStatus::Active);
    }
}

/// D5: two super admins and a department admin, by the operator over mTLS.
async fn appoint(world: &World, company: &Company) {
    let operator = world.operator().await;
    let sales = vec![company.department(SALES)];
    for (name, role, departments) in [
        (SUN, OrgRole::SuperAdmin, Vec::new()),
        (MA, OrgRole::SuperAdmin, Vec::new()),
        (ZHAO, OrgRole::DepartmentAdmin, sales),
    ] {
        let person = company.id(name);
        let set = SetOrgRoleV1 {
            person,
            role,
            departments,
        };
        let set = operator.command(T::SetOrgRole(set)).await;
        reply!(answered(set), Done);
    }
    assert_eq!(person(world, company.id(SUN)).role, OrgRole::SuperAdmin);
    // Nobody gives a role to themselves, and that it was tried is on record (P1, P3).
    let li = world.person(company.id(LI)).await;
    let first = world.engine.durable();
    let grab = SetOrgRoleV1 {
        person: company.id(LI),
        role: OrgRole::DepartmentAdmin,
        departments: vec![company.department(DEVELOPMENT)],
    };
    let rule = Refusal::NotPermitted {
        operation: "giving a role in the enterprise",
        needs: "the enterprise or a super admin",
    };
    refused(li.ask(T::SetOrgRole(grab)).await, &rule);
    let records = world.records(first);
    let [(_, events)] = &records[..] else {
        panic!("{records:?}");
    };
    let [Event::OperationDenied(denied)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((denied.person, denied.refusal), (li.person, rule.code()));
}
