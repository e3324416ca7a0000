//! One table of requests: every operation of the API, every page and every form, with names in place of ids, and what
//! each role gets. The tests of access, of hostile input, of probes and of isolation all send these.

use crate::routes::route_of;

/// What a role gets: an answer, or a refusal with that status.
const YES: u16 = 200;
const NO: u16 = 403;
const WHO: u16 = 401;
/// Leads elsewhere: a form to what it did, and whoever has not signed in to the sign-in.
const TO: u16 = 303;

/// One request: its operation or the route of its page, method, path and body, and what nobody, a coach, a manager and an
/// admin get. `{job}` stands for the id of a job, `{jobs_cursor}` for a place in a list of them.
pub(crate) type Line = (&'static str, &'static str, &'static str, &'static str, [u16; 4]);

const OPERATIONS: [Line; 46] = [
    (
        "create_token",
        "POST",
        "/auth/token",
        r#"{"email":"{email}","password":"correct horse battery","brand":{brand}}"#,
        [YES; 4],
    ),
    // Only what an issuer has signed is taken.
    ("receive_webhook", "POST", "/auth/webhook", r#"{"type":"user.deleted"}"#, [WHO; 4]),
    ("get_keys", "GET", "/auth/jwks.json", "", [YES; 4]),
    ("list_brands", "GET", "/brands", "", [WHO, YES, YES, YES]),
    ("list_regions", "GET", "/brands/{brand}/regions", "", [WHO, YES, YES, YES]),
    ("list_locations", "GET", "/brands/{brand}/locations?region_id={region}", "", [WHO, YES, YES, YES]),
    ("list_coaches", "GET", "/coaches", "", [WHO, NO, YES, YES]),
    // A coach makes their own profile, once.
    ("create_coach", "POST", "/coaches", r#"{"name":"New"}"#, [WHO, YES, YES, YES]),
    // A coach sees and changes their own alone, which this one is not.
    ("get_coach", "GET", "/coaches/{coach}", "", [WHO, 404, YES, YES]),
    ("change_coach", "PATCH", "/coaches/{coach}", r#"{"phone":"1"}"#, [WHO, 404, YES, YES]),
    ("list_matches", "GET", "/coaches/{coach}/matches", "", [WHO, 404, YES, YES]),
    ("get_match", "GET", "/coaches/{coach}/matches/{job}", "", [WHO, 404, YES, YES]),
    ("list_jobs", "GET", "/jobs", "", [WHO, YES, YES, YES]),
    ("create_job", "POST", "/jobs", r#"{"title":"New","location_id":{location}}"#, [WHO, NO, YES, YES]),
    ("get_job", "GET", "/jobs/{job}", "", [WHO, YES, YES, YES]),
    ("change_job", "PATCH", "/jobs/{job}", r#"{"location_id":{location}}"#, [WHO, NO, YES, YES]),
    ("list_candidates", "GET", "/jobs/{job}/candidates", "", [WHO, NO, YES, YES]),
    ("get_candidate", "GET", "/jobs/{job}/candidates/{coach}", "", [WHO, NO, YES, YES]),
    ("list_kept_matches", "GET", "/jobs/{job}/matches", "", [WHO, NO, YES, YES]),
    ("list_match_events", "GET", "/jobs/{job}/match-events", "", [WHO, NO, YES, YES]),
    ("create_score", "POST", "/scores", r#"{"job_id":{job},"coach_id":{coach}}"#, [WHO, NO, YES, YES]),
    ("get_score", "GET", "/scores/{score}", "", [WHO, 404, YES, YES]),
    (
        "begin_upload",
        "POST",
        "/coaches/{coach}/upload",
        r#"{"kind":"image","file_name":"a.png","size":10,"content_type":"image/png"}"#,
        [WHO, 404, YES, YES],
    ),
    (
        "resume_upload",
        "POST",
        "/coaches/{coach}/resume-upload",
        r#"{"upload_id":{upload}}"#,
        [WHO, 404, YES, YES],
    ),
    // What is confirmed already stays so.
    (
        "confirm_upload",
        "POST",
        "/coaches/{coach}/confirm-upload",
        r#"{"upload_id":{medium}}"#,
        [WHO, 404, YES, YES],
    ),
    ("list_media", "GET", "/coaches/{coach}/media", "", [WHO, 404, YES, YES]),
    ("get_media", "GET", "/media/{medium}", "", [WHO, 404, YES, YES]),
    ("share_media", "POST", "/media/{medium}/shares", "", [WHO, 404, YES, YES]),
    ("list_media_shares", "GET", "/media/{medium}/shares", "", [WHO, 404, YES, YES]),
    ("list_pending", "GET", "/admin/pending", "", [WHO, NO, NO, YES]),
    (
        "verify_certificate",
        "POST",
        "/admin/verify-cert",
        r#"{"id":{verification},"decision":"verified"}"#,
        [WHO, NO, NO, YES],
    ),
    ("approve_coach", "PATCH", "/admin/coaches/{coach}", r#"{"approval":"approved"}"#, [WHO, NO, NO, YES]),
    ("tag_video", "POST", "/admin/tag-video", r#"{"media_id":{medium},"tags":[]}"#, [WHO, NO, NO, YES]),
    ("list_webhooks", "GET", "/webhooks", "", [WHO, NO, NO, YES]),
    (
        "create_webhook",
        "POST",
        "/webhooks",
        r#"{"url":"https://hooks.acme.test/new","kinds":["coach.erased"]}"#,
        [WHO, NO, NO, YES],
    ),
    ("get_webhook", "GET", "/webhooks/{webhook}", "", [WHO, NO, NO, YES]),
    ("change_webhook", "PATCH", "/webhooks/{webhook}", r#"{"enabled":true}"#, [WHO, NO, NO, YES]),
    // Before more is sent, which then is on its way or has arrived.
    ("list_webhook_deliveries", "GET", "/webhooks/{webhook}/deliveries", "", [WHO, NO, NO, YES]),
    ("rotate_webhook_secret", "POST", "/webhooks/{webhook}/rotate", "", [WHO, NO, NO, YES]),
    ("test_webhook", "POST", "/webhooks/{webhook}/test", "", [WHO, NO, NO, YES]),
    (
        "replay_webhook_delivery",
        "POST",
        "/webhooks/{webhook}/deliveries/{delivery}/replay",
        "",
        [WHO, NO, NO, YES],
    ),
    ("export_candidates", "GET", "/jobs/{job}/candidates.csv", "", [WHO, NO, YES, YES]),
    ("get_job_posting", "GET", "/jobs/{job}/posting", "", [WHO, YES, YES, YES]),
    ("export_coaches", "GET", "/exports/coaches", "", [WHO, NO, NO, YES]),
    (
        "import_coaches",
        "POST",
        "/imports/coaches",
        r#"{"coaches":[{"external_id":"z2","name":"Zoe"}]}"#,
        [WHO, NO, NO, YES],
    ),
    (
        "import_jobs",
        "POST",
        "/imports/jobs?create_locations=true",
        r#"{"jobs":[{"external_id":"z2","title":"New","location_id":{location}}]}"#,
        [WHO, NO, NO, YES],
    ),
];

/// What must come last, because others need what it takes away, and what follows from another line.
const LAST_OPERATIONS: [Line; 5] = [
    ("replay_score", "GET", "/scores/{score}/replay", "", [WHO, 404, YES, YES]),
    ("revoke_media_share", "DELETE", "/media/{medium}/shares/{share}", "", [WHO, 404, YES, YES]),
    // A manager is the first who may, and then it is gone.
    ("delete_media", "DELETE", "/media/{medium}", "", [WHO, 404, YES, 404]),
    ("deactivate_job", "DELETE", "/jobs/{job}", "", [WHO, NO, YES, YES]),
    ("delete_webhook", "DELETE", "/webhooks/{webhook}", "", [WHO, NO, NO, YES]),
];

/// The same lists from a place on; only brands that have a second page have one.
const PLACES: [Line; 11] = [
    ("list_regions", "GET", "/brands/{brand}/regions?cursor={regions_cursor}", "", [WHO, YES, YES, YES]),
    (
        "list_locations",
        "GET",
        "/brands/{brand}/locations?cursor={locations_cursor}",
        "",
        [WHO, YES, YES, YES],
    ),
    ("list_coaches", "GET", "/coaches?cursor={coaches_cursor}", "", [WHO, NO, YES, YES]),
    ("list_jobs", "GET", "/jobs?cursor={jobs_cursor}", "", [WHO, YES, YES, YES]),
    ("list_jobs", "GET", "/jobs?location_id={location}", "", [WHO, YES, YES, YES]),
    ("export_coaches", "GET", "/exports/coaches?cursor={coaches_cursor}", "", [WHO, NO, NO, YES]),
    ("list_candidates", "GET", "/jobs/{job}/candidates?cursor={candidates_cursor}", "", [WHO, NO, YES, YES]),
    (
        "list_match_events",
        "GET",
        "/jobs/{job}/match-events?cursor={match_events_cursor}",
        "",
        [WHO, NO, YES, YES],
    ),
    ("list_pending", "GET", "/admin/pending?cursor={pending_cursor}", "", [WHO, NO, NO, YES]),
    // The holding itself is named by its coach; here is none of which it could be said.
    (
        "verify_certificate",
        "POST",
        "/admin/verify-cert",
        r#"{"coach_id":{coach},"code":"RYT-200","decision":"verified"}"#,
        [WHO, NO, NO, 422],
    ),
    (
        "list_webhook_deliveries",
        "GET",
        "/webhooks/{webhook}/deliveries?cursor={deliveries_cursor}",
        "",
        [WHO, NO, NO, YES],
    ),
];

/// Every request that there is.
pub(crate) fn every() -> impl Iterator<Item = Line> {
    operations().chain(PLACES).chain(pages())
}

/// The operations of the API.
pub(crate) fn operations() -> impl Iterator<Item = Line> {
    OPERATIONS.into_iter().chain(LAST_OPERATIONS)
}

/// A page.
type Page = (&'static str, [u16; 4]);

const PAGES: [Page; 96] = [
    ("/", [TO; 4]),
    ("/metrics", [404; 4]),
    ("/sign-in", [YES; 4]),
    ("/sign-up", [YES; 4]),
    ("/sign-up?link=%00", [400; 4]),
    ("/first-run", [404; 4]),
    ("/sign-in/with/nobody", [404; 4]),
    ("/sign-in/with/nobody/back?code=x&state=y", [404; 4]),
    ("/forgotten", [YES; 4]),
    ("/new-password?code=x", [404; 4]),
    ("/confirm-email?code=x", [TO, YES, YES, YES]),
    ("/account", [TO, YES, YES, YES]),
    ("/invitation?code={brand}.x", [404; 4]),
    ("/docs", [YES; 4]),
    ("/docs/reference", [YES; 4]),
    ("/docs/reference/list_candidates", [YES; 4]),
    ("/docs/reference/nothing", [404; 4]),
    ("/docs/webhooks", [YES; 4]),
    ("/docs/score", [YES; 4]),
    ("/docs/problems", [YES; 4]),
    ("/docs/style", [YES; 4]),
    ("/docs/api", [YES; 4]),
    ("/livez", [YES; 4]),
    ("/readyz", [YES; 4]),
    ("/favicon.ico", [YES; 4]),
    ("/assets/nothing", [404; 4]),
    ("/nothing", [404; 4]),
    ("/brands", [TO, YES, YES, YES]),
    ("/notifications", [TO, YES, YES, YES]),
    ("/notifications?cursor={notices_cursor}", [TO, YES, YES, YES]),
    ("/notifications/preferences", [TO, YES, YES, YES]),
    ("/notifications/stream?once=yes", [TO, YES, YES, YES]),
    ("/unsubscribe?token=x", [404; 4]),
    ("/coach", [TO, YES, NO, NO]),
    ("/coach/profile", [TO, YES, NO, NO]),
    ("/coach/profile/about", [TO, YES, NO, NO]),
    ("/coach/profile/style", [TO, YES, NO, NO]),
    ("/coach/profile/nothing", [TO, 404, NO, NO]),
    ("/coach/demographics", [TO, YES, NO, NO]),
    ("/coach/data", [TO, YES, NO, NO]),
    ("/coach/data.json", [TO, YES, NO, NO]),
    ("/coach/media", [TO, YES, NO, NO]),
    ("/media/{own_medium}", [TO; 4]),
    ("/media/{medium}", [TO, 404, TO, TO]),
    ("/share/x", [404; 4]),
    ("/share/x/video", [404; 4]),
    ("/coach/matches", [TO, YES, NO, NO]),
    ("/coach/matches?cursor={matches_cursor}", [TO, YES, NO, NO]),
    ("/coach/matches/{job}", [TO, YES, NO, NO]),
    ("/manager", [TO, NO, YES, YES]),
    ("/manager/jobs", [TO, NO, YES, YES]),
    ("/manager/jobs?location={location}&cursor={jobs_cursor}", [TO, NO, YES, YES]),
    ("/manager/jobs/new", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/candidates", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/candidates?cursor={candidates_cursor}", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/candidates.csv?coach={coach}", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/matches", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/matches?cursor={match_events_cursor}", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/compare?coach={coach}&coach={profile}", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/candidates/{coach}", [TO, NO, YES, YES]),
    ("/manager/scores/{score}", [TO, NO, YES, YES]),
    ("/manager/reviews", [TO, NO, YES, YES]),
    ("/manager/coaches", [TO, NO, YES, YES]),
    ("/manager/coaches?cursor={coaches_cursor}", [TO, NO, YES, YES]),
    ("/manager/coaches/{coach}", [TO, NO, YES, YES]),
    ("/admin", [TO, NO, NO, YES]),
    ("/admin/verify", [TO, NO, NO, YES]),
    ("/admin/verify?cursor={verifications_cursor}", [TO, NO, NO, YES]),
    ("/admin/verify/profiles", [TO, NO, NO, YES]),
    ("/admin/verify/profiles?cursor={profiles_cursor}", [TO, NO, NO, YES]),
    ("/admin/verify/coaches/{coach}", [TO, NO, NO, YES]),
    ("/admin/verify/{verification}", [TO, NO, NO, YES]),
    ("/admin/tags", [TO, NO, NO, YES]),
    ("/admin/tags?cursor={videos_cursor}", [TO, NO, NO, YES]),
    ("/admin/tags/{medium}", [TO, NO, NO, YES]),
    ("/admin/organisation", [TO, NO, NO, YES]),
    ("/admin/members", [TO, NO, NO, YES]),
    ("/admin/members?role=coach&cursor={members_cursor}", [TO, NO, NO, YES]),
    ("/admin/members/{member}", [TO, NO, NO, YES]),
    ("/admin/presets", [TO, NO, NO, YES]),
    ("/admin/presets/balanced", [TO, NO, NO, YES]),
    ("/admin/presets/balanced?job={job}", [TO, NO, NO, YES]),
    ("/admin/presets/balanced/impact.csv", [TO, NO, NO, YES]),
    ("/admin/presets/nothing", [TO, NO, NO, 404]),
    ("/admin/presets/nothing/impact.csv", [TO, NO, NO, 404]),
    ("/admin/import", [TO, NO, NO, YES]),
    ("/admin/keys", [TO, NO, NO, YES]),
    ("/admin/webhooks", [TO, NO, NO, YES]),
    ("/admin/webhooks/{webhook}", [TO, NO, NO, YES]),
    ("/admin/webhooks/{webhook}?state=waiting&cursor={deliveries_cursor}", [TO, NO, NO, YES]),
    ("/admin/queue", [TO, NO, NO, YES]),
    ("/admin/queue?state=waiting&cursor={tasks_cursor}", [TO, NO, NO, YES]),
    ("/admin/audit", [TO, NO, NO, YES]),
    ("/admin/audit?object={job}", [TO, NO, NO, YES]),
    ("/admin/audit?who={member}&cursor={audit_cursor}", [TO, NO, NO, YES]),
];

/// A form: where it goes, its fields, and what came of it.
type Form = (&'static str, &'static str, [u16; 4]);

const FORMS: [Form; 72] = [
    ("/sign-in", "email=nobody@acme.test&password=guessed", [WHO; 4]),
    ("/sign-up", "link=x&name=Zoe&email=zoe@acme.test&password=correct+horse+battery", [404; 4]),
    ("/forgotten", "email=nobody@acme.test", [YES; 4]),
    ("/new-password", "code=x&password=correct+horse+battery", [404; 4]),
    ("/confirm-email", "code=x", [TO, 404, 404, 404]),
    ("/account/confirmation", "", [TO; 4]),
    ("/account/password", "before=guessed&password=another+horse+battery", [TO, 422, 422, 422]),
    ("/first-run", "code=x&brand=B&time_zone=UTC&name=Zoe&email=z@b.test&password=correct", [404; 4]),
    ("/invitation", "code={brand}.x&name=Zoe&password=correct+horse+battery", [404; 4]),
    ("/brands", "brand_id={brand}", [TO; 4]),
    ("/admin/organisation/brand", "name=ACME&time_zone=UTC", [TO, NO, NO, TO]),
    ("/admin/organisation/regions", "name=North", [TO, NO, NO, TO]),
    (
        "/admin/organisation/locations",
        "name=Pier&region_id={region}&postal_code=10013&city=&state=&country=&time_zone=",
        [TO, NO, NO, TO],
    ),
    ("/admin/organisation/styles", "name=Tempo&low=slow&high=fast", [TO, NO, NO, TO]),
    ("/admin/organisation/styles/{style}/remove", "", [TO, NO, NO, TO]),
    ("/admin/organisation/link", "link=new", [TO, NO, NO, TO]),
    ("/admin/verify/next", "", [TO, NO, NO, TO]),
    ("/admin/verify/{open_item}/claim", "", [TO, NO, NO, TO]),
    ("/admin/verify/{open_item}/rule", "issued_on=2026-01-01&expires_on=", [TO, NO, NO, YES]),
    ("/admin/verify/{open_item}/free", "", [TO, NO, NO, TO]),
    ("/admin/verify/{open_item}/skip", "", [TO, NO, NO, TO]),
    ("/admin/verify/{open_item}", "decision=rejected&reason=0", [TO, NO, NO, TO]),
    ("/admin/verify/{open_item}/undo", "round=1", [TO, NO, NO, TO]),
    ("/admin/verify/coaches/{profile}", "decision=returned&reason=Say+more", [TO, NO, NO, TO]),
    ("/admin/tags/{medium}", "", [TO, NO, NO, TO]),
    ("/admin/tags/{medium}/undo", "", [TO, NO, NO, TO]),
    ("/admin/import", "what=coaches&step=import", [TO, NO, NO, YES]),
    (
        "/admin/members/invitations",
        "email=zoe@acme.test&role=manager&reach=region-{region}",
        [TO, NO, NO, YES],
    ),
    (
        "/admin/members/invitations",
        "email=zoe@acme.test&role=manager&reach=location-{location}",
        [TO, NO, NO, YES],
    ),
    ("/admin/members/invitations/{invitation}/end", "", [TO, NO, NO, TO]),
    // Only what was removed in the same session is put back.
    ("/admin/members/back", "back=x", [TO, NO, NO, 404]),
    ("/admin/members/{member}", "role=manager&reach=region-{region}", [TO, NO, NO, TO]),
    ("/admin/members/{member}", "role=manager&reach=location-{location}", [TO, NO, NO, TO]),
    ("/admin/members/{member}/remove", "", [TO, NO, NO, TO]),
    ("/admin/keys", "name=Payroll&role=manager&reach=region-{region}&expires_on=", [TO, NO, NO, YES]),
    ("/admin/keys", "name=Payroll&role=manager&reach=location-{location}&expires_on=", [TO, NO, NO, YES]),
    ("/admin/keys/{key}/revoke", "", [TO, NO, NO, TO]),
    (
        "/admin/webhooks",
        "url=https%3A%2F%2Fhooks.acme.test%2F&kind-coach.erased=yes&enabled=yes",
        [TO, NO, NO, YES],
    ),
    (
        "/admin/webhooks/{webhook}",
        "url=https%3A%2F%2Fhooks.acme.test%2F&kind-coach.erased=yes&enabled=yes",
        [TO, NO, NO, TO],
    ),
    ("/admin/webhooks/{webhook}/rotate", "", [TO, NO, NO, YES]),
    ("/admin/webhooks/{webhook}/test", "", [TO, NO, NO, TO]),
    ("/admin/webhooks/{webhook}/replay", "since=", [TO, NO, NO, TO]),
    ("/admin/webhooks/{webhook}/deliveries/{delivery}/replay", "", [TO, NO, NO, TO]),
    ("/admin/webhooks/{webhook}/delete", "", [TO, NO, NO, TO]),
    ("/admin/queue/{task}/replay", "", [TO, NO, NO, TO]),
    ("/admin/queue/{dead_task}/discard", "reason=It+is+not+needed", [TO, NO, NO, TO]),
    // Notices are each account's own.
    ("/notifications/{notice}/read", "", [TO, TO, 404, 404]),
    ("/notifications/read", "up_to=1", [TO; 4]),
    ("/notifications/preferences", "digest_hour=9&way-system=digest", [TO; 4]),
    ("/notifications/preferences/address", "", [TO; 4]),
    ("/unsubscribe?token=x", "", [404; 4]),
    ("/coach/profile/about", "name=Ada", [TO, TO, NO, NO]),
    ("/coach/media/upload", "kind=image&file_name=a.png&size=10&content_type=image%2Fpng", [TO, YES, NO, NO]),
    ("/coach/media/{own_upload}/resume", "", [TO, YES, NO, NO]),
    ("/coach/media/{own_medium}/confirm", "", [TO, YES, NO, NO]),
    ("/coach/media/{own_medium}/share", "", [TO, YES, NO, NO]),
    ("/coach/media/shares/{own_share}/revoke", "", [TO, TO, NO, NO]),
    ("/coach/media/{own_upload}/remove", "", [TO, TO, NO, NO]),
    ("/coach/matches/{job}/review", "text=Look+again", [TO, TO, NO, NO]),
    ("/manager/jobs/new", "title=New&location_id={location}&modality=hiit", [TO, NO, TO, TO]),
    ("/manager/jobs/preview", "title=New&location_id={location}&modality=hiit", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}", "title=Changed&location_id={location}&modality=hiit", [TO, NO, TO, TO]),
    ("/manager/jobs/{job}/preview", "title=New&location_id={location}&modality=hiit", [TO, NO, YES, YES]),
    ("/manager/jobs/{job}/switch", "active=true", [TO, NO, TO, TO]),
    ("/manager/jobs/{job}/candidates/{coach}/keep", "", [TO, NO, TO, TO]),
    ("/manager/views", "job_id={job}&name=Near&query=show%3Dranked", [TO, NO, TO, TO]),
    // Views are each account's own, and an answer is given once.
    ("/manager/views/{view}/remove", "job_id={job}", [TO, NO, TO, 404]),
    ("/manager/reviews/{review}", "outcome=upheld&answer=It+holds", [TO, NO, TO, 409]),
    ("/coach/demographics", "sex=female&race=asian", [TO, TO, NO, NO]),
    ("/coach/data/erase", "sure=no", [TO, 422, NO, NO]),
    // What ends a session comes last.
    ("/coach/data/erase", "sure=yes", [TO, TO, NO, NO]),
    ("/sign-out", "", [TO; 4]),
];

/// The pages, and the forms in an order in which each finds what it needs.
pub(crate) fn pages() -> impl Iterator<Item = Line> {
    let pages = PAGES.into_iter().map(|(path, expected)| (path, "GET", "", expected));
    let forms = FORMS.into_iter().map(|(path, fields, expected)| (path, "POST", fields, expected));
    pages
        .chain(forms)
        .map(|(path, method, body, expected)| (route_of(method, path), method, path, body, expected))
}

/// Whether a line is of a page or a form; else it is of the API.
pub(crate) fn is_page(line: &Line) -> bool {
    line.0.starts_with('/')
}

/// The names in a text that stand for something.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let named = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    named.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect()
}

/// A text with what its names stand for.
pub(crate) fn with_ids(text: &str, stands_for: impl Fn(&str) -> String) -> String {
    let mut filled = text.to_owned();
    for name in names(text) {
        filled = filled.replace(&format!("{{{name}}}"), &stands_for(name));
    }
    filled
}
