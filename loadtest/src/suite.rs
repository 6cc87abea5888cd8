//! The measurements as commands: prepares the machine, measures, prints Markdown, writes the figures to files.

use crate::{CompareArguments, InflightArguments, Surroundings, SwapArguments};
use serde::Serialize;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use switchyard_loadtest::compare::{self, Comparison, Field, Places};
use switchyard_loadtest::goals::{self, Goal};
use switchyard_loadtest::inflight::{self, InFlight};
use switchyard_loadtest::load::{Scenario, Stop};
use switchyard_loadtest::machine::{self, Cores};
use switchyard_loadtest::report;
use switchyard_loadtest::swap::{self, Swapped};
use tempfile::TempDir;

/// The figures that the README quotes, as JSON and as the Markdown it shows.
const README_FIGURES: &str = "README-figures";

pub struct Suite<'a> {
    places: Places,
    results: PathBuf,
    cores: Cores,
    /// Configurations, data and logs of what is started; gone afterwards.
    folder: TempDir,
    stop: &'a Stop,
}

#[derive(Serialize)]
struct Everything<'a> {
    comparison: &'a Comparison,
    swap: &'a Swapped,
    in_flight: &'a InFlight,
    goals: &'a [Goal],
}

impl<'a> Suite<'a> {
    pub fn new(surroundings: &Surroundings, stop: &'a Stop) -> Result<Self, Box<dyn Error>> {
        // The HTTP client for the admin API wants one chosen, although it speaks clear text here. Err: chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        machine::raise_open_files()?;
        let cores = Cores::choose()?;
        if !cores.are_apart() {
            eprintln!("there is one core for proxies, load and origin together: the figures mean little");
        }
        cores.pin_load()?;
        fs::create_dir_all(&surroundings.results)?;
        let results = surroundings.results.clone();
        Ok(Self { places: surroundings.places()?, results, cores, folder: tempfile::tempdir()?, stop })
    }

    pub fn compare(&self, arguments: &CompareArguments) -> Result<bool, Box<dyn Error>> {
        let comparison = self.measure_comparison(arguments)?;
        self.write("compare.json", &serde_json::to_string_pretty(&comparison)?)?;
        println!("{}\n{}", report::comparison(&comparison), report::goals(&goals::of_comparison(&comparison)));
        Ok(comparison.failed() == 0)
    }

    pub fn swap(&self, arguments: &SwapArguments) -> Result<bool, Box<dyn Error>> {
        let swapped = self.measure_swap(arguments)?;
        self.write("swap.json", &serde_json::to_string_pretty(&swapped)?)?;
        println!("{}\n{}", report::swapped(&swapped), report::goals(&goals::of_swap(&swapped)));
        Ok(swapped.failed == 0)
    }

    pub fn in_flight(&self, arguments: &InflightArguments) -> Result<bool, Box<dyn Error>> {
        let in_flight = self.measure_in_flight(arguments)?;
        self.write("inflight.json", &serde_json::to_string_pretty(&in_flight)?)?;
        println!("{}\n{}", report::in_flight(&in_flight), report::goals(&goals::of_inflight(&in_flight)));
        Ok(in_flight.is_good())
    }

    pub fn all(
        &self,
        compare: &CompareArguments,
        swap: &SwapArguments,
        inflight: &InflightArguments,
    ) -> Result<bool, Box<dyn Error>> {
        let comparison = self.measure_comparison(compare)?;
        println!("{}", report::comparison(&comparison));
        let swapped = self.measure_swap(swap)?;
        println!("{}", report::swapped(&swapped));
        let in_flight = self.measure_in_flight(inflight)?;
        println!("{}", report::in_flight(&in_flight));
        let goals =
            [goals::of_comparison(&comparison), goals::of_swap(&swapped), goals::of_inflight(&in_flight)].concat();
        println!("{}", report::goals(&goals));

        let text = [
            "<!-- Written by `make bench`. -->\n".to_owned(),
            report::comparison(&comparison),
            report::swapped(&swapped),
            report::in_flight(&in_flight),
            report::goals(&goals),
        ];
        self.write(&format!("{README_FIGURES}.md"), &text.join("\n"))?;
        let everything = Everything { comparison: &comparison, swap: &swapped, in_flight: &in_flight, goals: &goals };
        self.write(&format!("{README_FIGURES}.json"), &serde_json::to_string_pretty(&everything)?)?;
        Ok(comparison.failed() == 0 && swapped.failed == 0 && in_flight.is_good())
    }

    fn measure_comparison(&self, arguments: &CompareArguments) -> Result<Comparison, Box<dyn Error>> {
        let scenario = Scenario::read(&arguments.compare_scenario)?.lasting(Duration::from_secs_f64(arguments.seconds));
        let folder = self.folder.path().join("compare");
        let mut field = Field::start(&self.places, self.cores, &folder, &arguments.only)?;
        Ok(compare::run(&mut field, &scenario, arguments.rounds, self.stop, say)?)
    }

    fn measure_swap(&self, arguments: &SwapArguments) -> Result<Swapped, Box<dyn Error>> {
        say("deployments under load");
        let scenario = Scenario::read(&arguments.swap_scenario)?;
        let folder = self.folder.path().join("swap");
        Ok(swap::run(&self.places, self.cores, &folder, &scenario, arguments.plan(), self.stop)?)
    }

    fn measure_in_flight(&self, arguments: &InflightArguments) -> Result<InFlight, Box<dyn Error>> {
        say("many exchanges in flight");
        let folder = self.folder.path().join("inflight");
        Ok(inflight::run(&self.places, self.cores, &folder, arguments.plan(), self.stop)?)
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        fs::write(self.results.join(name), format!("{}\n", text.trim_end()))
    }
}

fn say(what: &str) {
    eprintln!("{what}");
}
