//! The `latchkey` command: set up, check, explain and deploy a configuration, on the same core as the filter.

#![forbid(unsafe_code)]

mod check;
mod discovery;
mod endpoints;
mod environment;
mod explain;
mod file;
mod init;
mod keygen;
mod migrate;
mod new_file;
mod output;
mod render;
mod report;
mod shell;
mod yaml;

use std::process::ExitCode;

use clap::Parser as _;

/// Sign-in for applications behind Envoy: set up, check, explain and deploy
#[derive(clap::Parser)]
#[command(name = "latchkey", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Init(init::Arguments),
    Check(check::Arguments),
    Render(render::Arguments),
    Explain(explain::Arguments),
    Keygen(keygen::Arguments),
    Completions(shell::CompletionsArguments),
    Man(shell::ManArguments),
}

fn main() -> ExitCode {
    report::install();
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(asked) => return help(&asked),
    };
    let result = match command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Completions(arguments) => shell::completions(&arguments),
        Command::Man(arguments) => shell::man(&arguments),
    };
    result.and_then(|code| output::failure().map_or(Ok(code), |error| Err(error.into()))).unwrap_or_else(|report| {
        eprintln!("{report:?}");
        ExitCode::FAILURE
    })
}

/// What was asked for, such as the help, or why the arguments are none.
fn help(asked: &clap::Error) -> ExitCode {
    match asked.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write to the standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(asked.exit_code()).unwrap_or(2)),
    }
}
