//! `fithire invite`: lets somebody into a brand from the command line, for when nobody is left who could on the pages.

use std::io::{self, Write};

use clap::Args;
use fithire_identity::{Limits, Role, invite};
use fithire_kernel::scope::{Actor, Allowed, BrandScope};
use fithire_orgs::find_brand;

use super::Failure;
use super::serve::{Configured, block_on, open, world};

/// Print a link by which somebody joins a brand
#[derive(Args)]
pub(super) struct Invite {
    #[command(flatten)]
    configured: Configured,
    /// The brand, by its name in addresses
    #[arg(long)]
    brand: String,
    /// Whom it is for
    email: String,
    /// coach, manager or admin
    #[arg(long, default_value = "admin", value_parser = role)]
    role: Role,
}

fn role(text: &str) -> Result<Role, String> {
    Role::read(text).ok_or_else(|| "is none of: coach, manager, admin".to_owned())
}

impl Invite {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let origin = config.server.origin().map_err(Failure::configuration)?;
        block_on(async move {
            let db = open(&config).await?;
            let (clock, ids) = world();
            let scope = BrandScope::mint(find_brand(&db, &self.brand).await?, Actor::System);
            let operator = Allowed::mint(scope, Limits::default());
            let what = (self.role, Limits::default());
            let code = invite(&db, (&clock, &ids), &operator, &self.email, what).await?;
            db.close().await;
            writeln!(io::stdout(), "{origin}/invitation?code={code}")?;
            Ok(())
        })
    }
}
