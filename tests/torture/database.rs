//! Where the service keeps its rows: a file in the folder of the seed, or a database of
//! its own on a PostgreSQL server, which may go away at any moment.

use std::{thread::JoinHandle, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tokio::runtime::{Handle, Runtime};

/// The database of one seed.
pub struct Place {
    /// Of PostgreSQL; absent for a file in the seed's folder.
    pub url: Option<String>,
    /// Whether standard output is for one JSON object alone.
    pub json: bool,
    server: Option<Server>,
}

struct Server {
    admin: DatabaseConnection,
    name: String,
    handle: Handle,
}

impl Place {
    /// A new one on `server`, or a file.
    pub fn make(server: Option<&str>, seed: u64, json: bool, runtime: &Runtime) -> Self {
        let Some(server) = server else {
            return Self {
                url: None,
                json,
                server: None,
            };
        };
        let name = format!("unhook_torture_{}_{seed}", std::process::id());
        let mut options = ConnectOptions::new(server);
        options.max_connections(2).sqlx_logging(false);
        let admin = runtime.block_on(async {
            let admin = Database::connect(options)
                .await
                .expect("PostgreSQL answers");
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            admin.execute_unprepared(&sql).await.expect("dropped");
            let sql = format!("CREATE DATABASE {name}");
            admin.execute_unprepared(&sql).await.expect("created");
            admin
        });
        let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
        Self {
            url: Some(format!("{base}/{name}")),
            json,
            server: Some(Server {
                admin,
                name,
                handle: runtime.handle().clone(),
            }),
        }
    }

    pub const fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Ends every connection to it after a time, as its restart would; gives how often.
    pub fn end_connections_after(&self, millis: u64) -> JoinHandle<u64> {
        let server = self.server.as_ref();
        let server = server.map(|s| (s.admin.clone(), s.name.clone(), s.handle.clone()));
        std::thread::spawn(move || {
            let Some((admin, name, handle)) = server else {
                return 0;
            };
            std::thread::sleep(Duration::from_millis(millis));
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            );
            let ended = handle.block_on(admin.execute_unprepared(&sql));
            ended.expect("the connections are ended");
            1
        })
    }

    /// Throws it away.
    pub fn drop_it(self, runtime: &Runtime) {
        if let Some(Server { admin, name, .. }) = self.server {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let dropped = runtime.block_on(admin.execute_unprepared(&sql));
            dropped.expect("the database is dropped");
        }
    }
}
