//! A load client that costs little: threads with one kept connection each, requests made beforehand,
//! replies read as far as their status. It shares the machine with what it measures.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A kept connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

/// A reply: its status and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: u16,
    pub took: Duration,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), body: Vec::new() })
    }

    /// Sends `request` and reads the reply to its end.
    pub fn send(&mut self, request: &[u8]) -> io::Result<Reply> {
        let started = Instant::now();
        self.stream.get_mut().write_all(request)?;
        let status = self.read_reply()?;
        Ok(Reply { status, took: started.elapsed() })
    }

    /// The body of the last reply.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn read_reply(&mut self) -> io::Result<u16> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("no status line"))?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        self.body.resize(length.ok_or_else(|| broken("no content-length"))?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }
}

/// The bytes of a `POST` of JSON, with an idempotency key that `seed` makes unlike all others.
pub fn post(path: &str, token: &str, seed: usize, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nidempotency-key: bench-{seed}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Load {
    /// Latencies of the replies that were good.
    pub good: Vec<Duration>,
    /// Replies of each other status.
    pub other: std::collections::BTreeMap<u16, usize>,
    /// Body of the first reply that was not good.
    pub first_bad: Option<String>,
    pub elapsed: Duration,
}

impl Load {
    /// Good replies per second.
    pub fn per_second(&self) -> f64 {
        to_f64(self.good.len()) / self.elapsed.as_secs_f64()
    }
}

/// Sends `requests` over `clients` connections, each request once, until they or `time` run out.
pub fn load(
    address: SocketAddr,
    clients: usize,
    time: Duration,
    requests: &[Vec<u8>],
) -> io::Result<Load> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let started = Instant::now();
    let mut load = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> io::Result<Load> {
                    let mut connection = Connection::open(address)?;
                    let mut load = Load::default();
                    while !is_over.load(Ordering::Relaxed) {
                        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed))
                        else {
                            break;
                        };
                        let reply = connection.send(request)?;
                        if (200..300).contains(&reply.status) {
                            load.good.push(reply.took);
                        } else {
                            *load.other.entry(reply.status).or_default() += 1;
                            load.first_bad.get_or_insert_with(|| {
                                String::from_utf8_lossy(connection.body()).into_owned()
                            });
                        }
                        if started.elapsed() >= time {
                            is_over.store(true, Ordering::Relaxed);
                        }
                    }
                    Ok(load)
                })
            })
            .collect();
        let mut all = Load::default();
        for worker in workers {
            let load = worker.join().map_err(|_| io::Error::other("a client panicked"))??;
            all.good.extend(load.good);
            for (status, count) in load.other {
                *all.other.entry(status).or_default() += count;
            }
            all.first_bad = all.first_bad.or(load.first_bad);
        }
        Ok::<_, io::Error>(all)
    })?;
    load.elapsed = started.elapsed();
    load.good.sort_unstable();
    Ok(load)
}

/// The latency that `percent` of `sorted` do not exceed, in milliseconds.
pub fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
}

/// Counts here stay far below 2^32.
pub fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
