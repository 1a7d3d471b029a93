//! Stands in for a host: answers requests with what a test says, one connection after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// Answers as many requests as there are `answers`: each a status, a content type and a body.
/// Gives the address, and the thread that ends with the first lines of the requests.
pub(crate) fn host(
    answers: Vec<(u16, &'static str, &'static str)>,
) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let requests = thread::spawn(move || {
        let answered = answers.into_iter().map(|answer| {
            let (stream, _) = listener.accept().expect("a request");
            serve(stream, answer)
        });
        answered.collect()
    });
    (address, requests)
}

fn serve(mut stream: TcpStream, (status, kind, body): (u16, &str, &str)) -> String {
    let request = read_request(&stream);
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).expect("the client listens");
    stream.write_all(chunk.as_bytes()).expect("the client listens");
    request
}

/// Reads a request to its end and gives its first line, and its `last-event-id` if there is one.
fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).expect("a request line");
    let mut request = request.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "last-event-id" => request.push_str(&format!(" after {value}")),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).expect("the body");
    request
}
