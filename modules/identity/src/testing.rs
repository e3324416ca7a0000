//! People with tokens, for the tests of every module.

use std::num::NonZeroU32;
use std::sync::Arc;

use fithire_kernel::ids::Id;
use fithire_kernel::scope::{BrandScope, Limits};
use fithire_kernel::testing::World;
use fithire_mail::Mail;

use crate::{Identity, NewAccount, RateSettings, Role, Setup, add_member, create_account};

const MANY: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");

/// The password of everyone.
pub const PASSWORD: &str = "correct horse battery";

/// An installation by itself.
///
/// # Panics
/// Never: the address is one.
#[must_use]
pub fn setup(origin: &str) -> Setup {
    let mail = Mail::into_folder(std::env::temp_dir().join("fithire-mail"), "fithire@fithire.test");
    Setup {
        origin: origin.to_owned(),
        issuers: Vec::new(),
        mail: mail.expect("an address"),
        // A test asks faster than anybody.
        rates: RateSettings { address: MANY, account: MANY, key: MANY },
    }
}

/// Makes people.
pub struct Staff<'w> {
    world: &'w World,
    /// Recognises them.
    pub identity: Arc<Identity>,
}

impl<'w> Staff<'w> {
    /// Opens the identity of a world.
    ///
    /// # Panics
    /// When its keys cannot be made.
    pub async fn open(world: &'w World) -> Self {
        let identity = Identity::open(
            world.db.clone(),
            (world.clock.clone(), world.ids.clone()),
            setup("https://fithire.test"),
        );
        Self { world, identity: Arc::new(identity.await.expect("the keys can be made")) }
    }

    /// Makes an account with a membership in a brand.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn member(&self, scope: &BrandScope, email: &str, role: Role, limits: Limits) -> Id {
        let World { db, clock, ids, .. } = self.world;
        let new =
            NewAccount { email: email.to_owned(), name: email.to_owned(), password: PASSWORD.to_owned() };
        let account_id = create_account(db, clock, ids, new).await.expect("the address is new");
        add_member(db, clock, scope, account_id, role, limits).await.expect("a membership can be made");
        account_id
    }

    /// Notes that an issuer has said of somebody that they belong to a brand.
    ///
    /// # Panics
    /// When it is noted already.
    pub async fn arrival(&self, scope: &BrandScope, subject: &str) {
        use crate::model::Arrivals::{Belongs, HeardAt, Issuer, Subject};
        let World { db, clock, .. } = self.world;
        let mut tx = db.write(scope).await.expect("a transaction");
        let row = vec!["clerk".into(), subject.into(), true.into(), clock.now().into()];
        tx.run(&tx.insert(&[Issuer, Subject, Belongs, HeardAt], [row])).await.expect("it is new");
        tx.commit().await.expect("it is kept");
    }

    /// The same, signed in.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn token(&self, scope: &BrandScope, email: &str, role: Role) -> String {
        let account_id = self.member(scope, email, role, Limits::default()).await;
        self.token_of(scope, account_id)
    }

    /// A token for an account.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn token_of(&self, scope: &BrandScope, account_id: Id) -> String {
        self.identity.issue(account_id, scope.brand_id()).expect("a token can be signed").access_token
    }
}
