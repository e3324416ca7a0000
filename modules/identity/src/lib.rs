//! # Identity: who someone is, and what they may do in a brand
//!
//! Accounts are global; a *membership* gives an account one role in one brand, and may limit it to a region or
//! a location. A token names an account and exactly one brand. It never says what the account may do: the role
//! is read from the database at each request, so a change holds from the next request on.
//!
//! - [`Visitor`] is someone with a session of the pages, [`Posted`] a form that came from one of our pages, [`Onlooker`] a
//!   page that asks by itself.
//! - [`Identity`] signs in, issues tokens and turns one into a [`Caller`].
//! - [`Caller::allowed`] turns a caller into the proof of a privilege that services ask for.
//! - [`Issuer`] is somebody else whose tokens and messages are taken; the private modules `issuers` and `jwks` verify
//!   tokens, `oidc` signs people in to the pages, `webhook` takes messages, and `arrivals` says what follows from them.
//! - [`api::Api`] is `POST /auth/token`, the public keys, and `POST /auth/webhook`.
//! - [`retention`] removes what is no longer needed.
//!
//! Invariants: a password is kept as an argon2id hash and nowhere else; sign-in takes as long for an address
//! that has no account as for one that has; our own tokens are ES256 by a key of ours, another issuer's are by a key that
//! it has published, and nothing that a token's header names is ever fetched. Whom their issuer has deleted, or an admin
//! has taken out of a brand, is not brought back by a token or a message from before.

pub mod api;
mod arrivals;
mod email;
mod guard;
mod invitations;
mod issuers;
mod jwks;
mod keys;
mod letters;
mod members;
mod model;
mod oidc;
pub mod pages;
mod passwords;
mod rates;
pub mod retention;
mod secret;
mod sessions;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod visitor;
mod webhook;

pub use email::OwnAccount;
pub use fithire_kernel::scope::Limits;
pub use guard::{Caller, Signed, recognised};
pub use invitations::{Invitation, invitations, invite, take_back};
pub use issuers::{Admits, DeletedUsers, Issuer, IssuerSettings, Kind, Secret};
pub use keys::{ApiKey, NewKey, api_keys, create_key, revoke_key};
pub use letters::{LETTER, letter};
pub use members::{
    Mailbox, Member, NewAccount, ReadyAccount, add_member, change_member, check_account, create_account,
    empty_where_left, forget_member, hold_member, join, mailbox_of, member_of, members, members_among, names,
    remove_member,
};
pub use model::{
    BeCoach, ManageBrand, ManageCoaches, ManageJobs, ManageMembers, ManageWebhooks, ReviewCoaches, Role,
    ViewCoaches,
};
pub use oidc::{Arrived, Purpose, Returned};
pub use rates::{Counted, RateSettings};
pub use secret::{proof as secret_proof, random as random_secret, same as same_secret};
pub use sessions::Bell;
pub use tokens::{Identity, Recognised, Setup, Token};
pub use visitor::{Nothing, Onlooker, Posted, Site, Stranger, Uploaded, Visitor, address, is_loopback};
