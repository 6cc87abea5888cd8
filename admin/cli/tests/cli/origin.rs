//! An upstream that answers when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Each request is announced on `asked` as the connection to answer it on.
pub struct Origin {
    pub address: SocketAddr,
    pub asked: Receiver<TcpStream>,
}

/// Answers every request at once, for as long as the process lives.
pub fn prompt() -> SocketAddr {
    let Origin { address, asked } = on_demand();
    std::thread::spawn(move || asked.into_iter().for_each(answer));
    address
}

/// Answers only when the test says so.
pub fn on_demand() -> Origin {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (announce, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let announce = announce.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line == "\r\n" && announce.send(stream.try_clone().expect("a second handle")).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    Origin { address, asked }
}

/// 200 with the body `ok`.
pub fn answer(mut stream: TcpStream) {
    // Whoever asked may have gone.
    _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

/// One request for a host through the proxy, on a connection of its own.
pub fn ask(edge: SocketAddr, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(edge)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    std::io::read_to_string(stream)
}
