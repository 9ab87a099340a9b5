//! How the person gets the address of the page: in their browser, or printed.

use serde::Serialize;

use super::browser;
use super::server::Server;
use crate::console;
use crate::failure::Failure;

/// True if the page opens by itself. If not, its address goes to stdout.
pub(crate) fn opens(no_open: bool, json: bool) -> bool {
    !json && !no_open && browser::is_available()
}

/// Opens the page, or prints its address.
pub(crate) fn announce(server: &Server, opens: bool, json: bool) -> Result<(), Failure> {
    let (address, port) = (server.address(), server.port());
    if json {
        return console::json(&Served { address: &address });
    }
    if opens {
        console::note(&format!(
            "Opening the page in the browser. If nothing appears, open this address, which works once: {address}"
        ));
        tokio::spawn(async move {
            if let Err(failure) = browser::open(&address).await {
                console::note(&format!("{failure}: open the address above yourself"));
            }
        });
    } else {
        console::line(&address)?;
        console::note("Open this address in a browser on this computer; it works once.");
        console::note(&format!(
            "From another computer, run `ssh -L {port}:127.0.0.1:{port} HOST` there first, with this computer as HOST."
        ));
    }
    console::note("Ctrl-C stops.");
    Ok(())
}

#[derive(Serialize)]
struct Served<'a> {
    address: &'a str,
}
