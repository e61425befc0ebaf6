//! A nameserver on loopback for tests: UDP and TCP, answers by a table, counts
//! what it was asked.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_resolver::{
    TokioResolver,
    proto::{
        op::{Message, MessageType, OpCode, ResponseCode},
        rr::{
            Name, RData, Record, RecordType,
            rdata::{A, AAAA, MX, NS, SOA, TXT},
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

type Answers = Vec<(u32, RData)>;

#[derive(Default)]
struct Table {
    /// What is answered, turn by turn; the last stays.
    records: HashMap<(String, RecordType), Vec<Answers>>,
    codes: HashMap<String, ResponseCode>,
    silent: Vec<String>,
    asked: Vec<String>,
}

/// The nameserver; clones share its table.
#[derive(Clone)]
pub(crate) struct Nameserver {
    table: Arc<Mutex<Table>>,
    pub(crate) address: SocketAddr,
}

impl Nameserver {
    pub(crate) async fn start() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let this = Self {
            table: Arc::default(),
            address,
        };
        let server = this.clone();
        tokio::spawn(async move {
            let mut buffer = [0u8; 4_096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
                if let Some(answer) = server.answer(&buffer[..length]) {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let server = this.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                while let Ok(length) = stream.read_u16().await {
                    let mut question = vec![0; usize::from(length)];
                    stream.read_exact(&mut question).await.unwrap();
                    let Some(answer) = server.answer(&question) else {
                        break;
                    };
                    stream.write_u16(answer.len() as u16).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
        this
    }

    pub(crate) fn resolver(&self) -> TokioResolver {
        crate::enrich::resolve::resolver(Some(self.address)).unwrap()
    }

    /// Every name that was asked, with its kind: `A a.example`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.table.lock().unwrap().asked.clone()
    }

    pub(crate) fn record(&self, name: &str, ttl: u32, data: Vec<RData>) -> &Self {
        let kind = data[0].record_type();
        let answers = data.into_iter().map(|data| (ttl, data)).collect();
        let mut table = self.table.lock().unwrap();
        let key = (name.to_owned(), kind);
        table.records.entry(key).or_default().push(answers);
        self
    }

    /// Addresses of a name; called again, what the next question gets.
    pub(crate) fn addresses(&self, name: &str, ttl: u32, addresses: &[&str]) -> &Self {
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for address in addresses {
            match address.parse().unwrap() {
                IpAddr::V4(ip) => four.push(RData::A(A(ip))),
                IpAddr::V6(ip) => six.push(RData::AAAA(AAAA(ip))),
            }
        }
        for data in [four, six] {
            if !data.is_empty() {
                self.record(name, ttl, data);
            }
        }
        self
    }

    pub(crate) fn txt(&self, name: &str, text: &str) -> &Self {
        let parts = text
            .as_bytes()
            .chunks(250)
            .map(|part| String::from_utf8(part.to_vec()).unwrap())
            .collect();
        self.record(name, 60, vec![RData::TXT(TXT::new(parts))])
    }

    pub(crate) fn mx(&self, name: &str, hosts: &[(u16, &str)]) -> &Self {
        let data = hosts
            .iter()
            .map(|(preference, host)| {
                RData::MX(MX::new(*preference, Name::from_ascii(host).unwrap()))
            })
            .collect();
        self.record(name, 300, data)
    }

    pub(crate) fn ns(&self, name: &str, hosts: &[&str]) -> &Self {
        let data = hosts
            .iter()
            .map(|host| RData::NS(NS(Name::from_ascii(host).unwrap())))
            .collect();
        self.record(name, 300, data)
    }

    pub(crate) fn soa(&self, name: &str, serial: u32) -> &Self {
        let host = |text: &str| Name::from_ascii(text).unwrap();
        let soa = SOA::new(
            host("ns.example."),
            host("root.example."),
            serial,
            1,
            1,
            1,
            1,
        );
        self.record(name, 300, vec![RData::SOA(soa)])
    }

    /// Answers every question about a name with this code.
    pub(crate) fn code(&self, name: &str, code: ResponseCode) -> &Self {
        self.table.lock().unwrap().codes.insert(name.into(), code);
        self
    }

    /// Never answers about a name.
    pub(crate) fn silent(&self, name: &str) -> &Self {
        self.table.lock().unwrap().silent.push(name.into());
        self
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).unwrap();
        let query = question.queries[0].clone();
        let name = query.name.to_ascii().to_lowercase();
        let name = name.trim_end_matches('.').to_owned();
        let kind = query.query_type;
        let mut table = self.table.lock().unwrap();
        table.asked.push(format!("{kind} {name}"));
        if table.silent.contains(&name) {
            return None;
        }
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_available = true;
        answer.metadata.recursion_desired = true;
        answer.add_query(query.clone());
        let known = table.records.keys().any(|(known, _)| *known == name);
        match table.records.get_mut(&(name.clone(), kind)) {
            Some(turns) => {
                let data = if turns.len() > 1 {
                    turns.remove(0)
                } else {
                    turns[0].clone()
                };
                for (ttl, data) in data {
                    answer.add_answer(Record::from_rdata(query.name.clone(), ttl, data));
                }
            }
            None => {
                let code = if known {
                    ResponseCode::NoError
                } else {
                    ResponseCode::NXDomain
                };
                answer.metadata.response_code = *table.codes.get(&name).unwrap_or(&code);
            }
        }
        Some(answer.to_vec().unwrap())
    }
}
