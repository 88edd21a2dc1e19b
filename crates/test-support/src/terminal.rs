//! A pseudo-terminal that runs the real program: what a person sees and types.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::redis_server::pause;

/// How long any output may take; far above what it takes on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// The program and its terminal, from the user's side.
pub struct PseudoTerminal {
    process: Child,
    keys: File,
    /// The program's side, which has the mode.
    device: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl PseudoTerminal {
    /// Runs userd with `args` in `folder`, on a terminal of this width.
    pub fn run(folder: &Path, args: &[&str], variables: &[(String, String)], columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are pseudo-terminals");
        grantpt(&master).expect("it can be granted");
        unlockpt(&master).expect("it can be unlocked");
        let path = ptsname(&master, Vec::new()).expect("it has a name").into_string().expect("names are UTF-8");
        let device = OpenOptions::new().read(true).write(true).open(path).expect("it can be opened");
        let room = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&device, room).expect("it has a size");
        let side = || device.try_clone().expect("a file can be had twice");
        let process = Command::new(crate::paths::program())
            .args(args)
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("the program can be started");
        let keys = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut reads, kept) = (keys.try_clone().expect("a file can be had twice"), Arc::clone(&screen));
        // Ends when the terminal is closed, at the latest with the test's process.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reads.read(&mut bytes) {
                kept.lock().expect("the reader does not panic").extend_from_slice(&bytes[..count]);
            }
        });
        Self { process, keys, device, screen }
    }

    /// Everything on the screen so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("the reader does not panic")).into_owned()
    }

    /// Waits until the screen contains `words`.
    pub fn wait_for(&self, words: &str) {
        let until = Instant::now() + HANGS_AFTER;
        while !self.screen().contains(words) {
            assert!(Instant::now() < until, "{words:?} does not come:\n{}", self.screen());
            pause();
        }
    }

    /// Presses these keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.device).expect("it has a mode").local_modes.contains(LocalModes::ECHO)
    }

    /// Waits until the program ends; returns its exit code and its output.
    pub fn end(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + HANGS_AFTER;
        let code = loop {
            if let Some(status) = self.process.try_wait().expect("its state") {
                break status.code();
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.screen());
            pause();
        };
        // All earlier output has been read once this line has.
        self.device.write_all(b"<end>\n").expect("the terminal is open");
        self.wait_for("<end>");
        let screen = self.screen().replace("\r\n", "\n");
        (code, screen.trim_end_matches("<end>\n").to_owned())
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
