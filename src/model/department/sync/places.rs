//! Departments by path: those there are, and those that a roster's rows make.

use std::collections::BTreeMap;

use crate::model::command::RowReason;
use crate::model::department::PATH_SEPARATOR;
use crate::model::department::follow::check_at_once;
use crate::model::event::{DepartmentCreatedV1, Event};
use crate::model::limits::{Limits, check_name};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, Tenant};
use crate::wire::DepartmentId;

/// A department: one there is, or the number of one that is to be made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Known(DepartmentIndex),
    New(usize),
}

/// A department to make.
struct New<'a> {
    parent: Option<Place>,
    name: &'a str,
}

/// What paths name.
pub(super) struct Places<'a> {
    tenant: &'a Tenant,
    limits: &'a Limits,
    /// Paths may name departments that are to be made.
    create: bool,
    new: Vec<New<'a>>,
    below: BTreeMap<(Option<Place>, &'a str), Place>,
    /// Paths looked up before: most rows of a roster share theirs.
    known: BTreeMap<&'a str, Place>,
}

impl<'a> Places<'a> {
    pub(super) fn new(tenant: &'a Tenant, limits: &'a Limits, create: bool) -> Self {
        Self {
            tenant,
            limits,
            create,
            new: Vec::new(),
            below: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// Whether `path` names a department, or one that may be made.
    pub(super) fn check(&mut self, path: &'a str) -> Result<(), RowReason> {
        if self.known.contains_key(path) {
            return Ok(());
        }
        let levels_max = self.limits.department_levels_max as usize;
        if path.split(PATH_SEPARATOR).nth(levels_max).is_some() {
            return Err(RowReason::TooLong);
        }
        for name in path.split(PATH_SEPARATOR) {
            if check_name("name", name).is_err() {
                let is_empty = name.is_empty();
                return Err(if is_empty {
                    RowReason::InvalidValue
                } else {
                    RowReason::TooLong
                });
            }
        }
        let mut at = None;
        for name in path.split(PATH_SEPARATOR) {
            at = self.step(at, name);
            if at.is_none() {
                // What is missing is missing with all below it.
                return match self.create {
                    true => Ok(()),
                    false => Err(RowReason::UnknownDepartment),
                };
            }
        }
        self.known.extend(at.map(|place| (path, place)));
        Ok(())
    }

    /// What a `path` that has been checked names; made, where it is not there.
    pub(super) fn get(&mut self, path: &'a str) -> Option<Place> {
        if let Some(known) = self.known.get(path) {
            return Some(*known);
        }
        let mut at = None;
        for name in path.split(PATH_SEPARATOR) {
            let next = self.step(at, name);
            let next = next.unwrap_or_else(|| self.make(at, name));
            at = Some(next);
        }
        self.known.extend(at.map(|place| (path, place)));
        at
    }

    fn step(&self, parent: Option<Place>, name: &'a str) -> Option<Place> {
        let departments = &self.tenant.departments;
        let known = match parent {
            None => departments.child(None, name),
            Some(Place::Known(parent)) => departments.child(Some(parent), name),
            Some(Place::New(_)) => None,
        };
        let new = || self.below.get(&(parent, name)).copied();
        known.map(Place::Known).or_else(new)
    }

    fn make(&mut self, parent: Option<Place>, name: &'a str) -> Place {
        let place = Place::New(self.new.len());
        self.new.push(New { parent, name });
        self.below.insert((parent, name), place);
        place
    }

    /// The id it has, or will have.
    pub(super) fn id(&self, place: Place) -> DepartmentId {
        match place {
            Place::Known(index) => index.id(),
            Place::New(at) => DepartmentId((self.tenant.departments.list.len() + at) as u64 + 1),
        }
    }

    /// The department, or the lowest above it that is there already: no group follows a new one.
    pub(super) fn standing(&self, place: Place) -> Option<DepartmentIndex> {
        let mut at = Some(place);
        loop {
            match at? {
                Place::Known(index) => return Some(index),
                Place::New(new) => at = self.new[new].parent,
            }
        }
    }

    /// The departments to make, each after the one above it.
    pub(super) fn into_events(self) -> Result<Vec<Event>, Refusal> {
        let limit = self.limits.sync_departments_max;
        check_at_once("new departments", self.new.len(), limit)?;
        let limit = self.limits.departments_max;
        if self.tenant.departments.count() + self.new.len() > limit as usize {
            let what = "departments in a tenant";
            return Err(Refusal::DepartmentLimit { what, limit });
        }
        let created = self.new.iter().enumerate().map(|(at, new)| {
            Event::DepartmentCreated(DepartmentCreatedV1 {
                department: self.id(Place::New(at)),
                parent: new.parent.map_or(DepartmentId(0), |it| self.id(it)),
                name: new.name.to_owned(),
            })
        });
        Ok(created.collect())
    }
}
