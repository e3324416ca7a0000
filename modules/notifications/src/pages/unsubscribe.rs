//! `/unsubscribe`: the end of all messages of a brand, by the link of any of them and without signing in.
//!
//! Programs that look at links change nothing: only the button does, and the programs of mail services that press it for
//! their people (RFC 8058). The token alone says whose messages; no cookie takes part, so that no other page can use one.

use std::sync::Arc;

use fithire_identity::Stranger;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope};
use poem::handler;
use poem::web::{Data, Html, Query};
use serde::{Deserialize, Serialize};

use crate::preferences::{end_messages, is_right, named};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    brand: String,
    token: String,
    ended: bool,
}

impl Template for Page {
    const NAME: &'static str = "notifications/unsubscribe.html";
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
}

/// Whose messages a token ends, and their brand's name.
async fn whose(db: &Db, token: &str, writes: bool) -> Result<(Tx, Id, String), Problem> {
    let gone = || Problem::new(Code::NotFound);
    let (brand_id, account_id) = named(token).ok_or_else(gone)?;
    // The token is looked at within the brand that it names, and proves the right to that.
    let scope = BrandScope::mint(brand_id, Actor::System);
    let mut tx = db.read(&scope).await?;
    if !is_right(&mut tx, account_id, token).await? {
        return Err(gone());
    }
    drop(tx);
    let mut tx = if writes { db.write(&scope).await? } else { db.read(&scope).await? };
    let brand: Option<(String,)> = tx.optional(&fithire_orgs::ask_name(&tx)).await?;
    let (brand,) = brand.ok_or_else(gone)?;
    Ok((tx, account_id, brand))
}

#[handler]
pub(super) async fn page(
    stranger: Stranger,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let token = asked.0.token;
    let (_, _, brand) = whose(&db, &token, false).await?;
    pages.render(&stranger.shell, &Page { brand, token, ended: false })
}

#[handler]
pub(super) async fn end(
    stranger: Stranger,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let token = asked.0.token;
    let (mut tx, account_id, brand) = whose(&db, &token, true).await?;
    end_messages(&mut tx, (&clock, &ids), account_id).await?;
    tx.commit().await?;
    pages.render(&stranger.shell, &Page { brand, token, ended: true })
}
