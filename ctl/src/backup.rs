//! `backup`: writes the agent's store to an encrypted file that is verified before it gets its name; and `backup
//! verify`, which needs no agent.

pub(crate) mod check;
mod pipe;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use openclaw_proto::v1::backup_response::Frame;
use openclaw_proto::v1::{BackupEnd, BackupRequest, BackupResponse, BackupStart};
use openclaw_vault::Secret;
use serde::Serialize;
use tonic::Streaming;

use crate::address::Address;
use crate::cli::{BackupArgs, VerifyArgs};
use crate::failure::{Exit, Failure};
use crate::part_file::PartFile;
use crate::progress::Progress;
use crate::render::size::size;
use crate::rollback::check::RollbackCheck;
use crate::secret::{Use, is_dash, obtain, to_wire};
use crate::stop::Stops;
use crate::{blocking, client, clock, console, text};
use check::{Reached, Whole, check};
use pipe::Pipe;

#[derive(Serialize)]
struct CreatedBackup {
    file: String,
    #[serde(flatten)]
    whole: check::Json,
    verified: bool,
}

/// Creates a backup. Exit code 0 means that the file was read back and is complete.
pub(crate) async fn run(address: &Address, args: &BackupArgs, json: bool) -> Result<Exit, Failure> {
    let file = args
        .file
        .as_deref()
        .ok_or_else(|| Failure::usage("name the output file"))?;
    let mut stops = Stops::listen()?;
    let mut output = Output::open(file, args.force)?;
    let (mut admin, mut agent) = client::admin(address).await?;
    RollbackCheck::new(json).look(&mut agent).await;
    let secret = obtain(&args.secret, Use::Seal, &mut stops).await?;
    let request = BackupRequest {
        secret: Some(to_wire(&secret)),
    };
    let copy = async {
        output.seal(secret)?;
        let stream = admin.backup(request).await?.into_inner();
        let mut progress = Progress::new(json);
        receive(stream, &mut output, &mut progress).await?;
        output.verify(&mut progress).await
    };
    let whole = stops.or(stopped, copy).await?;
    output.finish()?;
    report(file, whole, json);
    Ok(Exit::Done)
}

fn report(file: &Path, whole: Whole, json: bool) {
    let text = format!(
        "Backed up: {}, generation {}, read back and verified",
        whole.amount(),
        whole.generation
    );
    let name = file.to_string_lossy();
    match (json, is_dash(file)) {
        // stdout carries the backup.
        (false, true) => console::note(&text),
        (false, false) => console::report(&text),
        (true, dash) => {
            let made = CreatedBackup {
                file: name.into_owned(),
                whole: whole.json(),
                verified: true,
            };
            if dash {
                console::json_note(&made);
            } else {
                console::report_json(&made);
            }
        }
    }
}

fn stopped() -> Failure {
    Failure::new("stopped before the backup was complete: no file was written")
        .with_reason("STOPPED")
        .with_hint("run it again; the agent was not changed")
}

/// The destination of the backup.
enum Output {
    File {
        path: PathBuf,
        part: PartFile,
        secret: Option<Secret>,
    },
    Stdout(Pipe),
}

impl Output {
    fn open(file: &Path, force: bool) -> Result<Self, Failure> {
        if is_dash(file) {
            return Ok(Self::Stdout(Pipe::open()?));
        }
        Ok(Self::File {
            path: file.to_owned(),
            part: PartFile::create(file, force)?,
            secret: None,
        })
    }

    /// Sets the secret that the backup is encrypted with.
    fn seal(&mut self, secret: Secret) -> Result<(), Failure> {
        match self {
            Self::File { secret: with, .. } => *with = Some(secret),
            Self::Stdout(pipe) => pipe.check_with(secret)?,
        }
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.write(&bytes),
            Self::Stdout(pipe) => pipe.write(bytes),
        }
    }

    /// Verifies the complete backup.
    async fn verify(&mut self, progress: &mut Progress) -> Result<Whole, Failure> {
        match self {
            Self::File { path, part, secret } => {
                progress.show(|| "Verifying".to_owned());
                let written = part.read_back()?;
                let secret = secret
                    .take()
                    .ok_or_else(|| Failure::new("the backup is empty"))?;
                let path = path.clone();
                blocking::run(move || {
                    let input = io::BufReader::new(written);
                    check(input, &secret, |_| ()).map_err(|error| {
                        check::failure(&path, &secret, &error)
                            .with_hint("the file does not read back as it was written: it was removed; try again, or use another disk")
                    })
                })
                .await
            }
            Self::Stdout(pipe) => pipe.verdict().await,
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File { part, .. } => part.finish(),
            Self::Stdout(_) => Ok(()),
        }
    }
}

/// Writes the stream to the output until it ends.
async fn receive(
    mut stream: Streaming<BackupResponse>,
    output: &mut Output,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut announced = BackupStart::default();
    let mut written = 0_u64;
    while let Some(response) = stream.message().await? {
        match response.frame {
            Some(Frame::Start(start)) => announced = start,
            Some(Frame::Chunk(bytes)) => {
                written += u64::try_from(bytes.len()).unwrap_or_default();
                output.write(bytes)?;
                progress.show(|| {
                    let all = announced.estimated_size_bytes.max(written);
                    let (written, all) = (size(written), size(all));
                    format!("{written} of about {all}, {} records", announced.records)
                });
            }
            Some(Frame::End(BackupEnd { size_bytes, .. })) if size_bytes == written => {
                return Ok(());
            }
            Some(Frame::End(_)) => break,
            None => {}
        }
    }
    Err(
        Failure::new("the agent ended the backup before it was complete")
            .with_reason("STREAM_TRUNCATED")
            .with_hint("see the agent's log, and run it again"),
    )
}

/// Verifies a backup and prints its description.
pub(crate) async fn verify(args: &VerifyArgs, json: bool) -> Result<Exit, Failure> {
    let VerifyArgs { file, secret } = args;
    let mut stops = Stops::listen()?;
    let input: Box<dyn io::Read + Send> = if is_dash(file) {
        Box::new(io::stdin())
    } else {
        Box::new(open(file)?)
    };
    let secret = obtain(secret, Use::Open, &mut stops).await?;
    let whole = checked(file, input, secret, json);
    let stopped = || Failure::new("stopped before it was complete").with_reason("STOPPED");
    let (whole, _) = stops.or(stopped, whole).await?;
    if json {
        console::json(&whole.json())?;
    } else {
        console::write(&whole.lines(clock::now()))?;
    }
    Ok(Exit::Done)
}

/// Opens a backup for reading.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    let shown = text::one_line(&path.to_string_lossy());
    let file = File::open(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(Failure::usage(format!("{shown} is a directory")));
    }
    Ok(file)
}

/// Reads a whole backup on its own thread; returns the secret with the result.
pub(crate) async fn checked(
    path: &Path,
    input: impl io::Read + Send + 'static,
    secret: Secret,
    json: bool,
) -> Result<(Whole, Secret), Failure> {
    let path = path.to_owned();
    blocking::run(move || {
        let mut progress = Progress::new(json);
        let on_progress = |reached: Reached| {
            let Reached { bytes, changes } = reached;
            progress.show(|| format!("Checking: {}, {changes} records", size(bytes)));
        };
        match check(io::BufReader::new(input), &secret, on_progress) {
            Ok(whole) => Ok((whole, secret)),
            Err(error) => Err(check::failure(&path, &secret, &error)),
        }
    })
    .await
}
