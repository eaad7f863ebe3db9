//! `random [TARGET…] [--seconds N] [--runs N] [--seed N] [--from FOLDER] [--input FILE] [--corpus FOLDER]`: the targets with
//! inputs by chance, for machines without libFuzzer, made of the seeds and of what libFuzzer has found; one input again; or the
//! seeds written for libFuzzer to start from.
#![forbid(unsafe_code)]

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rocketlite_fuzz::mutate::Mutator;
use rocketlite_fuzz::{TARGETS, Target};

/// What the command line asks for.
struct Options {
    targets: Vec<&'static Target>,
    span: Duration,
    runs: u64,
    seed: u64,
    from: Option<PathBuf>,
    input: Option<PathBuf>,
    corpus: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("random: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        targets: Vec::new(),
        span: Duration::from_secs(10),
        runs: u64::MAX,
        seed: std::process::id().into(),
        from: None,
        input: None,
        corpus: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match argument.as_str() {
            "--seconds" => options.span = Duration::from_secs(number(value()?)?),
            "--runs" => options.runs = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--from" => options.from = Some(value()?.into()),
            "--input" => options.input = Some(value()?.into()),
            "--corpus" => options.corpus = Some(value()?.into()),
            name => options.targets.push(Target::find(name).ok_or_else(|| unknown(name))?),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().collect();
    }
    Ok(options)
}

fn unknown(name: &str) -> String {
    let names = TARGETS.map(|target| target.name).join(", ");
    format!("there is no target {name}: the targets are {names}")
}

fn run(options: &Options) -> Result<(), String> {
    for target in &options.targets {
        match (&options.corpus, &options.input) {
            (Some(folder), _) => write_seeds(target, &folder.join(target.name))?,
            (None, Some(file)) => {
                rocketlite_fuzz::show_operations();
                target.check(&std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?);
            }
            (None, None) => by_chance(target, options)?,
        }
    }
    Ok(())
}

fn write_seeds(target: &Target, folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (number, seed) in target.seeds().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).map_err(failed)?;
    }
    Ok(())
}

/// The inputs in a folder, in the order of their names.
fn found(folder: &Path) -> Result<Vec<Vec<u8>>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).map_err(failed)).collect()
}

/// Runs one target until its time or its number of runs is over.
fn by_chance(target: &Target, options: &Options) -> Result<(), String> {
    let mut seeds = target.seeds();
    if let Some(folder) = &options.from {
        seeds.extend(found(&folder.join(target.name))?);
    }
    let mut mutator = Mutator::new(seeds.clone(), target.max_len, options.seed);
    let (start, mut runs) = (Instant::now(), 0);
    let mut seeds = seeds.into_iter();
    while runs < options.runs && start.elapsed() < options.span {
        let input = seeds.next().unwrap_or_else(|| mutator.next_input());
        if catch_unwind(AssertUnwindSafe(|| target.check(&input))).is_err() {
            let file = std::env::temp_dir().join(format!("rocketlite-{}-{}", target.name, options.seed));
            std::fs::write(&file, &input).map_err(|error| format!("{}: {error}", file.display()))?;
            return Err(format!("{} fails: random {} --input {}", target.name, target.name, file.display()));
        }
        runs += 1;
    }
    println!(
        "{}: {runs} inputs in {:.1} s, seed {}",
        target.name,
        start.elapsed().as_secs_f32(),
        options.seed
    );
    Ok(())
}
