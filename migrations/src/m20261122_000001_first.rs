//! The first schema: reports, evidence, campaigns, remediations, pulls, letters,
//! durable work, timelines, API keys.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_000001_first"
    }
}

fn time(name: &'static str) -> ColumnDef {
    big_integer(name)
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("mailbox")
            .col(string("tenant_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("address"))
            .col(string_null("display_name"))
            .col(string_null("subject"))
            .col(time("seen_at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("provider")
                    .col("mailbox_key"),
            )
            .to_owned(),
        Table::create()
            .table("mailbox_address")
            .col(string("tenant_id"))
            .col(string("address"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .primary_key(Index::create().col("tenant_id").col("address"))
            .to_owned(),
        Table::create()
            .table("submission")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("message_key"))
            .col(string_null("campaign_id"))
            .col(string_null("mailbox_address"))
            .col(string_null("item_id"))
            .col(string_null("internet_message_id"))
            .col(json_null("locator"))
            .col(string("evidence"))
            .col(string_null("evidence_sha256"))
            .col(big_integer_null("evidence_size"))
            .col(string_null("upload_sha256"))
            .col(text_null("subject"))
            .col(string_null("sender"))
            .col(big_integer_null("message_received_at"))
            .col(json_null("fingerprint"))
            .col(json_null("findings"))
            .col(json_null("assessment"))
            .col(string_null("verdict"))
            .col(string_null("verdict_source"))
            .col(integer("reports"))
            .col(time("created_at"))
            .col(time("updated_at"))
            .to_owned(),
        Table::create()
            .table("report")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("submission_id"))
            .col(string("client"))
            .col(string("reporter"))
            .col(string_null("reporter_address"))
            .col(boolean("guest"))
            .col(string("message_key"))
            .col(string_null("reason"))
            .col(text_null("comment"))
            .col(string_null("upload_sha256"))
            .col(string_null("idempotency_key"))
            .col(string("request_digest"))
            .col(string("status"))
            .col(string_null("outcome"))
            .col(time("received_at"))
            .to_owned(),
        Table::create()
            .table("upload")
            .col(string("report_id").primary_key())
            .col(string("tenant_id"))
            .col(string("submission_id"))
            .col(string("sha256"))
            .col(ColumnDef::new("bytes").blob().not_null().to_owned())
            .to_owned(),
        Table::create()
            .table("campaign")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("seed_submission_id"))
            .col(string("exact_key"))
            .col(text_null("title"))
            .col(string_null("sender"))
            .col(string("verdict"))
            .col(string("verdict_source"))
            .col(integer("decision_version"))
            .col(time("created_at"))
            .col(time("updated_at"))
            .to_owned(),
        Table::create()
            .table("remediation")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("campaign_id"))
            .col(string("state"))
            .col(integer("decision_version"))
            .col(json("plan"))
            .col(json("progress"))
            .col(big_integer("mailboxes"))
            .col(big_integer("searched"))
            .col(string_null("paused_reason"))
            .col(time("created_at"))
            .col(big_integer_null("closed_at"))
            .to_owned(),
        Table::create()
            .table("gap")
            .col(string("remediation_id"))
            .col(string("tenant_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("address"))
            .col(string("state"))
            .col(text("reason"))
            .col(integer("attempts"))
            .primary_key(
                Index::create()
                    .col("remediation_id")
                    .col("provider")
                    .col("mailbox_key"),
            )
            .to_owned(),
        Table::create()
            .table("pull")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string_null("campaign_id"))
            .col(string_null("submission_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("mailbox_address"))
            .col(string("message"))
            .col(string("role"))
            .col(string("desired"))
            .col(string("observed"))
            .col(json_null("original"))
            .col(string_null("quarantine"))
            .col(string_null("evidence_sha256"))
            .col(integer("decision_version"))
            .col(text("matched_by"))
            .col(integer("attempts"))
            .col(time("run_after"))
            .col(text_null("last_error"))
            .col(time("found_at"))
            .col(big_integer_null("intent_at"))
            .col(big_integer_null("settled_at"))
            .to_owned(),
        Table::create()
            .table("letter")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("report_id"))
            .col(string("submission_id"))
            .col(string("case_key"))
            .col(string("reporter"))
            .col(string("outcome"))
            .col(string("message_id"))
            .col(string("state"))
            .col(string_null("via"))
            .col(string_null("address"))
            .col(integer("attempts"))
            .col(time("created_at"))
            .col(big_integer_null("sent_at"))
            .to_owned(),
        Table::create()
            .table("job")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("kind"))
            .col(string("target"))
            .col(string("state"))
            .col(time("run_after"))
            .col(integer("attempts"))
            .col(integer("max_attempts"))
            .col(big_integer("fence"))
            .col(big_integer("lease_until"))
            .col(boolean("again"))
            .col(text_null("last_error"))
            .col(time("created_at"))
            .to_owned(),
        Table::create()
            .table("event")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string_null("submission_id"))
            .col(string_null("campaign_id"))
            .col(string("kind"))
            .col(string("actor"))
            .col(json("detail"))
            .col(time("at"))
            .to_owned(),
        Table::create()
            .table("api_key")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("name"))
            .col(string("hash"))
            .col(string("scopes"))
            .col(time("created_at"))
            .col(time("expires_at"))
            .col(big_integer_null("revoked_at"))
            .to_owned(),
        Table::create()
            .table("console_session")
            .col(string("hash").primary_key())
            .col(string("tenant_id"))
            .col(string("api_key_id"))
            .col(string("csrf"))
            .col(time("created_at"))
            .col(time("expires_at"))
            .to_owned(),
    ]
}

const TABLES: [&str; 15] = [
    "mailbox",
    "mailbox_address",
    "submission",
    "report",
    "upload",
    "campaign",
    "remediation",
    "gap",
    "pull",
    "letter",
    "job",
    "event",
    "api_key",
    "console_session",
    "tenant",
];

/// Name, table, columns, unique.
const INDEXES: [(&str, &str, &[&str], bool); 19] = [
    (
        "submission_message",
        "submission",
        &["tenant_id", "message_key"],
        true,
    ),
    (
        "submission_campaign",
        "submission",
        &["tenant_id", "campaign_id"],
        false,
    ),
    (
        "report_message",
        "report",
        &["tenant_id", "reporter", "message_key"],
        true,
    ),
    (
        "report_idempotency",
        "report",
        &["tenant_id", "reporter", "idempotency_key"],
        true,
    ),
    (
        "report_submission",
        "report",
        &["tenant_id", "submission_id"],
        false,
    ),
    ("upload_submission", "upload", &["submission_id"], false),
    (
        "campaign_exact",
        "campaign",
        &["tenant_id", "exact_key"],
        true,
    ),
    (
        "remediation_campaign",
        "remediation",
        &["tenant_id", "campaign_id"],
        true,
    ),
    (
        "pull_copy",
        "pull",
        &["tenant_id", "provider", "mailbox_key", "message"],
        true,
    ),
    (
        "pull_campaign",
        "pull",
        &["tenant_id", "campaign_id"],
        false,
    ),
    (
        "pull_submission",
        "pull",
        &["tenant_id", "submission_id"],
        false,
    ),
    (
        "letter_once",
        "letter",
        &["tenant_id", "reporter", "case_key", "outcome"],
        true,
    ),
    (
        "letter_report",
        "letter",
        &["tenant_id", "report_id"],
        false,
    ),
    ("job_target", "job", &["tenant_id", "kind", "target"], true),
    ("job_ready", "job", &["state", "run_after"], false),
    (
        "event_submission",
        "event",
        &["tenant_id", "submission_id"],
        false,
    ),
    (
        "event_campaign",
        "event",
        &["tenant_id", "campaign_id"],
        false,
    ),
    ("api_key_hash", "api_key", &["hash"], true),
    (
        "mailbox_subject",
        "mailbox",
        &["tenant_id", "subject"],
        false,
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("tenant")
                    .col(string("id").primary_key())
                    .col(string("name").unique_key())
                    .col(time("created_at"))
                    .col(big_integer_null("directory_at"))
                    .to_owned(),
            )
            .await?;
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table, columns, unique) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager
                .drop_table(Table::drop().table(table).if_exists().to_owned())
                .await?;
        }
        Ok(())
    }
}
