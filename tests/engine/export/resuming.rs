//! An export that is stopped, killed or out of space goes on, and nobody sees that from its bytes.

use std::ops::ControlFlow;
use std::sync::Arc;

use throng::archive::export::{ExportError, Grant, MANIFEST, Phase};
use throng::engine::Options;
use throng::log::storage::{Fault, Faulty};
use throng::log::{Memory, Reader, Storage};

use crate::export::world::{Files, World, everything, files, job, memory, read, run};

fn lived() -> (World, Grant, Files) {
    let world = World::on(Arc::new(Memory::new()), Options::default());
    world.live();
    let grant = world.granted(everything());
    let out = memory();
    run(&world.reader(), &grant, &*out).unwrap();
    let whole = files(&*out);
    read(&whole);
    (world, grant, whole)
}

#[test]
fn an_export_stopped_at_every_step_goes_on_to_the_same_bytes() {
    let (world, grant, whole) = lived();
    let reader = world.reader();
    let mut steps = 0;
    loop {
        let out = memory();
        let (mut stopped, mut left) = (0, steps);
        // Once after so many steps, then again after as many.
        loop {
            let ended = job(&reader, &grant, &*out).run(&mut |_| match left {
                0 => ControlFlow::Break(()),
                _ => {
                    left -= 1;
                    ControlFlow::Continue(())
                }
            });
            match ended {
                Err(ExportError::Stopped) if stopped < 3 => {
                    (stopped, left) = (stopped + 1, steps + steps * stopped);
                }
                Err(ExportError::Stopped) => left = usize::MAX,
                ended => {
                    ended.unwrap();
                    break;
                }
            }
        }
        assert!(files(&*out) == whole, "stopped after {steps} steps");
        if stopped == 0 {
            break;
        }
        steps += 1;
    }
    assert!(steps > 50, "{steps} steps are no test");
}

/// What is left of the disk goes on to the same export.
fn goes_on(reader: &Reader, grant: &Grant, disk: &Faulty, whole: &Files, boundary: u64) {
    run(reader, grant, disk).unwrap();
    assert!(files(disk) == *whole, "after a fault at {boundary}");
}

#[test]
fn an_export_goes_on_after_a_fault_at_every_boundary_of_its_disk() {
    let (world, grant, whole) = lived();
    let reader = world.reader();
    for fault in [Fault::Crash, Fault::NoSpace, Fault::Short] {
        for boundary in 0.. {
            let disk = Faulty::new(boundary);
            disk.plan(boundary, fault);
            match run(&reader, &grant, &disk) {
                Ok(_) if fault != Fault::Crash => {
                    assert!(disk.boundaries() <= boundary, "the fault was hidden");
                    break;
                }
                Ok(_) => break,
                Err(error) => assert!(matches!(error, ExportError::Storage(_)), "{error}"),
            }
            if fault == Fault::Crash {
                goes_on(&reader, &grant, &disk.restart(), &whole, boundary);
            } else {
                goes_on(&reader, &grant, &disk, &whole, boundary);
            }
        }
    }
}

#[test]
fn a_whole_export_is_not_made_again_and_nothing_else_is_written_over() {
    let (world, grant, whole) = lived();
    let out = memory();
    let reader = world.reader();
    let first = run(&reader, &grant, &*out).unwrap();
    let again = job(&reader, &grant, &*out).run(&mut |progress| {
        assert_eq!(progress.phase, Phase::Checking, "nothing else is done");
        ControlFlow::Continue(())
    });
    assert_eq!(again.unwrap(), first);
    assert!(files(&*out) == whole);

    let other = world.granted(everything());
    let refused = run(&reader, &other, &*out).unwrap_err();
    assert!(matches!(refused, ExportError::Occupied { .. }), "{refused}");
    assert!(files(&*out) == whole);
    let out = memory();
    out.create("it/letter").unwrap();
    let refused = run(&reader, &grant, &*out).unwrap_err();
    assert!(refused.to_string().contains("letter"), "{refused}");
    assert_eq!(out.names().unwrap(), ["it/letter"]);
}

#[test]
fn an_export_that_was_whole_and_is_no_more_is_not_called_so() {
    let (world, grant, whole) = lived();
    let reader = world.reader();
    let disk = Faulty::new(7);
    run(&reader, &grant, &disk).unwrap();
    let again = || run(&reader, &grant, &disk).unwrap_err();
    let listed = whole.iter().filter(|(name, _)| *name != MANIFEST);
    assert!(listed.clone().count() > 4);
    for (file, bytes) in listed {
        let name = format!("it/{file}");
        let put = |bytes: &[u8]| {
            let created = disk.create(&name).unwrap();
            let mut slices = [std::io::IoSlice::new(bytes)];
            created.write_at(&mut slices, 0).unwrap();
            created.sync().unwrap();
        };
        disk.remove(&name).unwrap();
        let failed = again();
        let is_missing = matches!(&failed, ExportError::MissingFile { file: it } if it == file);
        assert!(is_missing, "{failed}");
        let mut longer = bytes.clone();
        longer.push(0);
        let mut others = vec![longer];
        if !bytes.is_empty() {
            let mut other = bytes.clone();
            other[bytes.len() / 2] ^= 1;
            others.extend([other, bytes[1..].to_vec()]);
        }
        for other in others {
            put(&other);
            let failed = again();
            let is_named = matches!(&failed, ExportError::Changed { file: it } if it == file);
            assert!(is_named, "{file}: {failed}");
            disk.remove(&name).unwrap();
        }
        put(bytes);
    }
    run(&reader, &grant, &disk).unwrap();
    assert!(files(&disk) == whole);
}
