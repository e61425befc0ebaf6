//! Searches of their own: one row a search with its plan and its receipt, one row
//! for every mailbox in its scope, the forwards it follows, what it hit, and the
//! chain of what it did. What remediations kept of their searches moves over.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000009_search"
    }
}

fn searches() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("search")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("kind"))
            .col(string_null("campaign_id"))
            .col(string_null("remediation_id"))
            .col(string("actor"))
            .col(string("state"))
            .col(integer("decision_version"))
            .col(json_null("target"))
            .col(json("plan"))
            .col(json("progress"))
            .col(big_integer("mailboxes"))
            .col(string_null("paused_reason"))
            .col(big_integer("entries"))
            .col(string("head"))
            .col(big_integer("created_at"))
            .col(big_integer_null("finished_at"))
            .col(json_null("receipt"))
            .to_owned(),
        Table::create()
            .table("search_mailbox")
            .col(string("search_id"))
            .col(string("tenant_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("address"))
            .col(integer("rank"))
            .col(string("way"))
            .col(string("state"))
            .col(string("variants"))
            .col(string("follow"))
            .col(integer("depth"))
            .col(text_null("reason"))
            .col(string_null("cause"))
            .col(integer("attempts"))
            .col(big_integer("run_after"))
            .col(big_integer_null("searched_at"))
            .primary_key(
                Index::create()
                    .col("search_id")
                    .col("provider")
                    .col("mailbox_key"),
            )
            .to_owned(),
        Table::create()
            .table("search_forward")
            .col(string("search_id"))
            .col(string("tenant_id"))
            .col(string("message_id"))
            .col(string("sent_by"))
            .col(integer("depth"))
            .col(string("state"))
            .col(json("mailboxes"))
            .col(json("outside"))
            .col(big_integer("found_at"))
            .primary_key(Index::create().col("search_id").col("message_id"))
            .to_owned(),
        Table::create()
            .table("search_hit")
            .col(string("search_id"))
            .col(string("tenant_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("message"))
            .col(string("address"))
            .col(string("outcome"))
            .col(json("sighting"))
            .col(big_integer("found_at"))
            .primary_key(
                Index::create()
                    .col("search_id")
                    .col("provider")
                    .col("mailbox_key")
                    .col("message"),
            )
            .to_owned(),
        Table::create()
            .table("search_entry")
            .col(string("search_id"))
            .col(big_integer("seq"))
            .col(string("tenant_id"))
            .col(string("previous"))
            .col(string("hash"))
            .col(text("body"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("search_id").col("seq"))
            .to_owned(),
        Table::create()
            .table("signing_key")
            .col(string("tenant_id"))
            .col(string("id"))
            .col(text("private"))
            .col(string("public"))
            .col(big_integer("created_at"))
            .primary_key(Index::create().col("tenant_id").col("id"))
            .to_owned(),
    ]
}

/// Name, table and columns.
const INDEXES: [(&str, &str, &[&str]); 6] = [
    ("search_campaign", "search", &["tenant_id", "campaign_id"]),
    (
        "search_mailbox_open",
        "search_mailbox",
        &["search_id", "state", "rank", "provider", "mailbox_key"],
    ),
    (
        "search_mailbox_follow",
        "search_mailbox",
        &["search_id", "follow"],
    ),
    (
        "search_mailbox_variants",
        "search_mailbox",
        &["search_id", "variants", "state", "rank"],
    ),
    (
        "search_hit_outcome",
        "search_hit",
        &["search_id", "outcome"],
    ),
    ("pull_order", "pull", &["tenant_id", "campaign_id", "rank"]),
];

/// What is moved over from the columns of a remediation, and from its gaps. The
/// search has the remediation's number, so that jobs and rows find it.
const MOVES: [&str; 3] = [
    "INSERT INTO search (id, tenant_id, kind, campaign_id, remediation_id, actor, state, \
     decision_version, target, plan, progress, mailboxes, paused_reason, entries, head, \
     created_at, finished_at, receipt) \
     SELECT 'sch_' || substr(id, 5), tenant_id, 'pull', campaign_id, id, 'unhook', \
     CASE WHEN state = 'searching' THEN 'planning' ELSE 'done' END, decision_version, NULL, \
     plan, progress, mailboxes, paused_reason, 0, '', created_at, closed_at, NULL \
     FROM remediation",
    "INSERT INTO search_mailbox (search_id, tenant_id, provider, mailbox_key, address, rank, \
     way, state, variants, follow, depth, reason, cause, attempts, run_after, searched_at) \
     SELECT 'sch_' || substr(remediation_id, 5), tenant_id, provider, mailbox_key, address, \
     100, 'sweep', state, 'no', 'no', 0, reason, NULL, attempts, 0, NULL FROM gap",
    "UPDATE job SET target = 'sch_' || substr(target, 5) WHERE kind = 'search'",
];

/// Columns of a remediation that its search has now.
const OLD: [&str; 5] = ["plan", "progress", "mailboxes", "searched", "paused_reason"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in searches() {
            manager.create_table(table).await?;
        }
        for column in [
            json_null("sighting"),
            integer_null("rank"),
            big_integer_null("verified_at"),
        ] {
            let add = Table::alter().table("pull").add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        for (name, table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index.to_owned()).await?;
        }
        for statement in MOVES {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        for column in OLD {
            let drop = Table::alter()
                .table("remediation")
                .drop_column(column)
                .to_owned();
            manager.alter_table(drop).await?;
        }
        manager
            .drop_table(Table::drop().table("gap").to_owned())
            .await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "searches cannot be folded back into remediations: restore a backup instead".to_owned(),
        ))
    }
}
