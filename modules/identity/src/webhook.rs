//! What an issuer says of its people by messages: users that are made, changed or deleted, and who belongs to an
//! organisation. Messages are signed by the Standard Webhooks scheme (Svix), over the bytes as they arrived.
//!
//! The same message takes effect once, and messages in any order come to the same: see [`crate::arrivals`].

use chrono::{DateTime, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::db::GlobalTx;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope};
use poem::http::{HeaderMap, HeaderValue};
use sea_query::OnConflict;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::arrivals::Settled;
use crate::issuers::{DeletedUsers, Issuer, is_subject};
use crate::model::WebhookMessages;
use crate::tokens::Identity;

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
    /// Milliseconds.
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    #[serde(default)]
    email_addresses: Vec<Address>,
    primary_email_address_id: Option<String>,
    /// Milliseconds.
    updated_at: i64,
    #[serde(default)]
    banned: bool,
}

#[derive(Deserialize)]
struct Address {
    id: String,
    #[serde(rename = "email_address")]
    email: String,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    status: String,
}

#[derive(Deserialize)]
struct Deleted {
    id: String,
}

#[derive(Deserialize)]
struct Belonging {
    organization: Named,
    public_user_data: Public,
    /// Milliseconds.
    updated_at: i64,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Public {
    user_id: String,
}

impl User {
    fn name(&self) -> Option<String> {
        let parts = [&self.first_name, &self.last_name].into_iter().flatten().map(|part| part.trim());
        let name = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        Some(name).filter(|name| !name.is_empty())
    }

    /// The first address, where it has been verified.
    fn verified(&self) -> Option<String> {
        let primary = self.primary_email_address_id.as_ref();
        let address = self.email_addresses.iter().find(|address| Some(&address.id) == primary)?;
        let verified = address.verification.as_ref().is_some_and(|state| state.status == "verified");
        verified.then(|| address.email.clone())
    }
}

impl Identity {
    /// Takes a message; one that was taken before changes nothing.
    ///
    /// # Errors
    /// 401 when no issuer of ours has signed it within five minutes of now; 422 when it does not say what it should.
    pub(crate) async fn take_message(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
        let refused = || Problem::new(Code::Unauthenticated).because("the signature is not valid");
        let (issuer, id) = self.signer(headers, body).ok_or_else(refused)?;
        let message: Message = read(serde_json::from_slice(body), "")?;
        let whose = message.data.pointer("/public_user_data/user_id").or_else(|| message.data.get("id"));
        if !whose.and_then(Value::as_str).is_none_or(is_subject) {
            return Err(Problem::field("/data", "is about nobody whose number is one"));
        }
        let sent_at = message.timestamp.and_then(DateTime::from_timestamp_millis);
        match message.kind.as_str() {
            "user.created" | "user.updated" => {
                let user: User = read(serde_json::from_value(message.data), "/data")?;
                self.user_changed(issuer, &id, &user).await
            }
            "user.deleted" => {
                let user: Deleted = read(serde_json::from_value(message.data), "/data")?;
                self.user_deleted(issuer, &id, &user.id).await
            }
            "organizationMembership.created" | "organizationMembership.updated" => {
                let said: Belonging = read(serde_json::from_value(message.data), "/data")?;
                let at = time(said.updated_at)?;
                self.belonging_changed(issuer, &id, &said, (true, at)).await
            }
            "organizationMembership.deleted" => {
                let said: Belonging = read(serde_json::from_value(message.data), "/data")?;
                // What was deleted was last updated before that.
                let at = sent_at.unwrap_or(time(said.updated_at)?);
                self.belonging_changed(issuer, &id, &said, (false, at)).await
            }
            // What is none of our business is no reason to have it sent again.
            _ => Ok(()),
        }
    }

    /// The issuer that has signed a message, and the message's id.
    fn signer(&self, headers: &HeaderMap, body: &[u8]) -> Option<(&Issuer, String)> {
        let mut standard = HeaderMap::new();
        for part in ["id", "timestamp", "signature"] {
            let value: &HeaderValue =
                headers.get(format!("svix-{part}")).or_else(|| headers.get(format!("webhook-{part}")))?;
            let name: poem::http::HeaderName = format!("webhook-{part}").parse().ok()?;
            standard.insert(name, value.clone());
        }
        let id = standard.get("webhook-id")?.to_str().ok().filter(|id| id.len() <= 255)?.to_owned();
        let signed = |issuer: &&Issuer| {
            let secret = issuer.settings.webhook_secret.as_ref();
            // The library holds the time against the machine's own.
            let webhook = secret.and_then(|secret| Webhook::new(&secret.0).ok());
            webhook.is_some_and(|webhook| webhook.verify(body, &standard).is_ok())
        };
        Some((self.issuers.iter().find(signed)?, id))
    }

    async fn user_changed(&self, issuer: &Issuer, id: &str, user: &User) -> Result<(), Problem> {
        let identity = (&*issuer.settings.name, &*user.id);
        let mut tx = self.db.write_global().await?;
        if !self.is_new(&mut tx, issuer, id).await? {
            return Ok(());
        }
        let email = user.verified().filter(|_| issuer.settings.trust_email);
        let (name, email) = (user.name(), email.as_deref());
        let settled = self.settle(&mut tx, identity, (name.as_deref(), email), None).await?;
        let person = (name.as_deref(), email, user.banned);
        let changed = self.update_person(&mut tx, identity, person, time(user.updated_at)?).await?;
        let Some(Settled::Known(account_id) | Settled::Linked(account_id, _)) = settled else {
            return Ok(tx.commit().await?);
        };
        let mut doings: Vec<(Id, Option<bool>)> = issuer.brands().into_iter().map(|id| (id, None)).collect();
        if let Some((disabled, brands)) = changed {
            doings.extend(brands.into_iter().map(|id| (id, Some(disabled))));
        }
        let Some((first, _)) = doings.first() else { return Ok(tx.commit().await?) };
        let mut tx = tx.enter(&BrandScope::mint(*first, Actor::System)).await?;
        for (brand_id, disabled) in doings {
            tx = tx.enter(&BrandScope::mint(brand_id, Actor::System)).await?;
            match disabled {
                None => self.join_where_expected(&mut tx, identity, account_id).await?,
                Some(disabled) => {
                    let action = if disabled { "account.disabled" } else { "account.enabled" };
                    let event = Event::new(action, "account", account_id)
                        .with(json!({"by": "issuer", "issuer": issuer.settings.name}));
                    audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
                }
            }
        }
        Ok(tx.commit().await?)
    }

    async fn user_deleted(&self, issuer: &Issuer, id: &str, subject: &str) -> Result<(), Problem> {
        let mut tx = self.db.write_global().await?;
        if !self.is_new(&mut tx, issuer, id).await? {
            return Ok(());
        }
        let erase = issuer.settings.deleted_users == DeletedUsers::Erase;
        let cut = self.cut_off(&mut tx, (&issuer.settings.name, subject), erase).await?;
        let Some((account_id, brands)) = cut else { return Ok(tx.commit().await?) };
        let event = Event::new("account.disabled", "account", account_id)
            .with(json!({"by": "issuer", "issuer": issuer.settings.name}));
        self.record_everywhere(tx, (Actor::System, brands), event, None).await
    }

    async fn belonging_changed(
        &self,
        issuer: &Issuer,
        id: &str,
        said: &Belonging,
        what: (bool, DateTime<Utc>),
    ) -> Result<(), Problem> {
        // An organisation that is no brand here.
        let Some(brand_id) = issuer.organisations.get(&said.organization.id) else { return Ok(()) };
        let identity = (&*issuer.settings.name, &*said.public_user_data.user_id);
        let mut tx = self.db.write(&BrandScope::mint(*brand_id, Actor::System)).await?;
        let insert = tx.insert_global(&COLUMNS, [self.row(issuer, id)]);
        if tx.run(&once(insert)).await? == 0 {
            return Ok(());
        }
        self.hear(&mut tx, identity, what).await?;
        Ok(tx.commit().await?)
    }

    /// Notes a message; whether it is a new one. The same one that arrives meanwhile waits for the transaction.
    async fn is_new(&self, tx: &mut GlobalTx, issuer: &Issuer, id: &str) -> Result<bool, Problem> {
        let insert = tx.insert(&COLUMNS, [self.row(issuer, id)]);
        Ok(tx.run(&once(insert)).await? == 1)
    }

    fn row(&self, issuer: &Issuer, id: &str) -> Vec<sea_query::Value> {
        vec![issuer.settings.name.as_str().into(), id.into(), self.clock.now().into()]
    }
}

const COLUMNS: [WebhookMessages; 3] =
    [WebhookMessages::Issuer, WebhookMessages::Id, WebhookMessages::TakenAt];

fn once(mut insert: sea_query::InsertStatement) -> sea_query::InsertStatement {
    let key = OnConflict::columns([WebhookMessages::Issuer, WebhookMessages::Id]).do_nothing().to_owned();
    insert.on_conflict(key);
    insert
}

fn read<T: DeserializeOwned>(read: serde_json::Result<T>, pointer: &str) -> Result<T, Problem> {
    read.map_err(|error| Problem::field(pointer, error.to_string()))
}

fn time(milliseconds: i64) -> Result<DateTime<Utc>, Problem> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| Problem::field("/data/updated_at", "is no time in milliseconds"))
}
