//! `/coaches/{id}/upload`, `/coaches/{id}/confirm-upload`, `/media/{id}`: uploads, files, and links to videos.

use chrono::{DateTime, Utc};
use fithire_identity::{Caller, Signed, Site};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

use crate::access::{coach_to_change, row_to_change, row_to_see};
use crate::lookup::rows_of;
use crate::model::{Kind, Row, Share, State};
use crate::store::Store;
use crate::uploads::{self, Upload, Urls, Wanted, With};
use crate::{removing, shares};

/// The operations on files.
pub struct Api;

/// A file that is to be uploaded.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewUpload {
    kind: Kind,
    /// What its owner calls it.
    #[oai(validator(min_length = 1, max_length = 200))]
    file_name: String,
    /// Its length in bytes: 500 MB at most for a video, 20 MB for an image or a document.
    #[oai(validator(minimum(value = "1")))]
    size: i64,
    /// A video is `video/mp4`, `video/quicktime` or `video/webm`; an image `image/jpeg`, `image/png` or `image/webp`; a document
    /// any of these images or `application/pdf`.
    #[oai(validator(max_length = 100))]
    content_type: String,
    /// Which certification a document proves, such as `NASM-CPT`; a certificate needs it.
    #[oai(validator(max_length = 50))]
    code: Option<String>,
    /// The last day on which that is valid, `YYYY-MM-DD`; missing means for ever.
    #[oai(validator(max_length = 10))]
    expires_on: Option<String>,
}

/// Which upload.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct WhichUpload {
    upload_id: Id,
}

/// Where a file goes. Send it by PUT, with the very `Content-Type` and length of the upload; both are signed.
#[derive(Object)]
struct UploadTarget {
    /// What confirms the upload; also the id of the file.
    upload_id: Id,
    file_name: String,
    /// The header `Content-Type` to send with a whole file; parts need none.
    content_type: String,
    /// Until when the URLs work. `resume-upload` gives new ones.
    expires_at: DateTime<Utc>,
    /// Where the whole file goes. A file above 50 MB goes in parts instead.
    #[oai(skip_serializing_if_is_none)]
    url: Option<String>,
    /// Where its parts go.
    #[oai(skip_serializing_if_is_none)]
    parts: Option<UploadParts>,
}

/// A file in parts, in the order of the file. All but the last have the same length.
#[derive(Object)]
struct UploadParts {
    part_size: i64,
    /// Numbers of those that have arrived.
    there: Vec<i32>,
    /// Those that have not.
    missing: Vec<UploadPart>,
}

/// A part that has not arrived.
#[derive(Object)]
struct UploadPart {
    /// From 1.
    number: i32,
    size: i64,
    url: String,
}

/// A file of a coach.
#[derive(Object)]
struct MediaFile {
    id: Id,
    coach_id: Id,
    kind: Kind,
    state: State,
    file_name: String,
    size: i64,
    content_type: String,
    /// Which certification a document proves.
    #[oai(skip_serializing_if_is_none)]
    code: Option<String>,
    /// The last day on which that is valid, as its owner says.
    #[oai(skip_serializing_if_is_none)]
    expires_on: Option<String>,
    /// Why it was refused.
    #[oai(skip_serializing_if_is_none)]
    refused: Option<String>,
    created_at: DateTime<Utc>,
    /// Where it can be seen for some minutes; only where one file is asked for.
    #[oai(skip_serializing_if_is_none)]
    url: Option<String>,
}

/// Files of a coach.
#[derive(Object)]
struct MediaFiles {
    items: Vec<MediaFile>,
    /// Always null: there are some dozens at most.
    next_cursor: Option<String>,
}

/// A link by which a video is seen without signing in.
#[derive(Object)]
struct MediaShare {
    id: Id,
    media_id: Id,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    revoked_at: Option<DateTime<Utc>>,
    /// The link; shown when it is made and never again.
    #[oai(skip_serializing_if_is_none)]
    url: Option<String>,
}

/// Links to a video.
#[derive(Object)]
struct MediaShares {
    items: Vec<MediaShare>,
    /// Always null: there are some dozens at most.
    next_cursor: Option<String>,
}

impl From<NewUpload> for Wanted {
    fn from(new: NewUpload) -> Self {
        Self {
            kind: new.kind,
            name: new.file_name,
            media_type: new.content_type,
            bytes: new.size,
            code: new.code,
            expires_on: new.expires_on,
        }
    }
}

impl From<Upload> for UploadTarget {
    fn from(Upload { row, urls }: Upload) -> Self {
        let (url, parts) = match urls {
            Urls::Whole(url) => (Some(url), None),
            Urls::Parts { part_bytes, there, missing } => {
                let part = |(number, size, url)| UploadPart { number, size, url };
                let missing = missing.into_iter().map(part).collect();
                (None, Some(UploadParts { part_size: part_bytes, there, missing }))
            }
        };
        Self {
            upload_id: row.id,
            file_name: row.name.clone(),
            expires_at: uploads::until(&row),
            content_type: row.media_type,
            url,
            parts,
        }
    }
}

impl MediaFile {
    fn new(row: Row, url: Option<String>) -> Result<Self, Problem> {
        Ok(Self {
            kind: row.kind()?,
            state: row.state()?,
            id: row.id,
            coach_id: row.coach_id,
            file_name: row.name,
            size: row.bytes,
            content_type: row.media_type,
            code: row.code,
            expires_on: row.expires_on.map(|day| day.to_string()),
            refused: row.refused,
            created_at: row.created_at,
            url,
        })
    }
}

impl MediaShare {
    fn new(share: Share, url: Option<String>) -> Self {
        Self {
            id: share.id,
            media_id: share.media_id,
            created_at: share.created_at,
            expires_at: share.expires_at,
            revoked_at: share.revoked_at,
            url,
        }
    }
}

/// The caller of an operation, and what it works with.
fn with<'w>(db: &'w Db, clock: &'w Clock, ids: &'w Ids, store: &'w Store) -> With<'w> {
    With { db, clock, ids, store }
}

async fn seen(
    (db, clock, store): (&Db, &Clock, &Store),
    caller: &Caller,
    reads: &Reads,
    id: Id,
) -> Result<MediaFile, Problem> {
    let mut tx = db.read(caller.scope()).await?;
    let row = row_to_see(&mut tx, caller, id).await?;
    drop(tx);
    reads.note(caller.scope(), Event::new("media.read", "media", id))?;
    let url = store.view_url(row.key()?, (&row.media_type, &row.name), clock.now()).await?;
    MediaFile::new(row, Some(url))
}

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Files of coaches: uploads straight to the store, links, sharing.
    Files,
}

#[OpenApi(tag = "Tag::Files")]
impl Api {
    /// Begin an upload
    ///
    /// The answer says where the file goes: straight to the object store, by PUT, within an hour. A file above 50 MB goes in
    /// parts. Afterwards the upload is confirmed.
    #[oai(
        path = "/coaches/:id/upload",
        method = "post",
        operation_id = "begin_upload",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the upload is begun once."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn begin_upload(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        store: Data<&Store>,
        id: Path<Id>,
        upload: Body<NewUpload>,
    ) -> Result<Json<UploadTarget>, Problem> {
        let with = with(&db, &clock, &ids, &store);
        Ok(Json(uploads::begin(with, &signed.0, id.0, upload.0.into()).await?.into()))
    }

    /// Go on with an upload
    ///
    /// The answer has new URLs; for a file in parts, of the parts that have not arrived.
    #[oai(path = "/coaches/:id/resume-upload", method = "post", operation_id = "resume_upload")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn resume_upload(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        store: Data<&Store>,
        id: Path<Id>,
        upload: Body<WhichUpload>,
    ) -> Result<Json<UploadTarget>, Problem> {
        let with = with(&db, &clock, &ids, &store);
        Ok(Json(uploads::resume(with, &signed.0, (id.0, upload.0.upload_id)).await?.into()))
    }

    /// Confirm an upload
    ///
    /// The file has arrived. It is looked at: what is not of the length and type that was said is refused and removed. A document
    /// then waits for review. Confirming twice answers the same.
    #[oai(path = "/coaches/:id/confirm-upload", method = "post", operation_id = "confirm_upload")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn confirm_upload(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        store: Data<&Store>,
        id: Path<Id>,
        upload: Body<WhichUpload>,
    ) -> Result<Json<MediaFile>, Problem> {
        let with = with(&db, &clock, &ids, &store);
        let row = uploads::confirm(with, &signed.0, (id.0, upload.0.upload_id)).await?;
        Ok(Json(MediaFile::new(row, None)?))
    }

    /// Files of a coach, newest first
    ///
    /// With those that wait or were refused. For the coach, and for whoever manages coaches.
    #[oai(path = "/coaches/:id/media", method = "get", operation_id = "list_media")]
    async fn list_media(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Json<MediaFiles>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        coach_to_change(&mut tx, &signed.0, id.0).await?;
        let rows = rows_of(&mut tx, id.0).await?.into_iter();
        let items = rows.map(|row| MediaFile::new(row, None)).collect::<Result<_, _>>()?;
        Ok(Json(MediaFiles { items, next_cursor: None }))
    }

    /// A file
    ///
    /// With a URL at which it is seen for some minutes. Documents are for the coach and for whoever manages coaches.
    #[oai(path = "/media/:id", method = "get", operation_id = "get_media")]
    async fn get_media(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        store: Data<&Store>,
        reads: Data<&Reads>,
        id: Path<Id>,
    ) -> Result<Json<MediaFile>, Problem> {
        Ok(Json(seen((&db, &clock, &store), &signed.0, &reads, id.0).await?))
    }

    /// Remove a file
    ///
    /// With the links to it. A document that was handed in is removed by an admin alone. The answer is the file as it was.
    #[oai(path = "/media/:id", method = "delete", operation_id = "delete_media")]
    async fn delete_media(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
    ) -> Result<Json<MediaFile>, Problem> {
        let row = removing::remove(&db, (&clock, &ids), &signed.0, id.0).await?;
        Ok(Json(MediaFile::new(row, None)?))
    }

    /// Share a video
    ///
    /// Whoever has the link sees the video without signing in, for a year or until it is revoked.
    #[oai(
        path = "/media/:id/shares",
        method = "post",
        operation_id = "share_media",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the link is made once."
        )
    )]
    async fn share_media(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        site: Data<&Site>,
        id: Path<Id>,
    ) -> Result<Json<MediaShare>, Problem> {
        let (share, text) = shares::share(&db, (&clock, &ids), &signed.0, id.0).await?;
        let url = format!("{}/share/{text}", site.origin());
        Ok(Json(MediaShare::new(share, Some(url))))
    }

    /// Links to a video, newest first
    #[oai(path = "/media/:id/shares", method = "get", operation_id = "list_media_shares")]
    async fn list_media_shares(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Json<MediaShares>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        row_to_change(&mut tx, &signed.0, id.0).await?;
        let items = shares::of_medium(&mut tx, id.0).await?;
        let items = items.into_iter().map(|share| MediaShare::new(share, None)).collect();
        Ok(Json(MediaShares { items, next_cursor: None }))
    }

    /// Revoke a link
    ///
    /// It leads to nothing from now on. Revoking twice answers the same.
    #[oai(path = "/media/:id/shares/:share_id", method = "delete", operation_id = "revoke_media_share")]
    async fn revoke_media_share(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
        share_id: Path<Id>,
    ) -> Result<Json<MediaShare>, Problem> {
        let which = (Some(id.0), share_id.0);
        let share = shares::revoke(&db, (&clock, &ids), &signed.0, which).await?;
        Ok(Json(MediaShare::new(share, None)))
    }
}
