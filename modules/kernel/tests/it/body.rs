//! A body that is not right names every field.

use fithire_kernel::body::{Body, read};
use fithire_kernel::problem::Problem;
use poem::http::StatusCode;
use poem::test::TestClient;
use poem_openapi::{Enum, Object, OpenApi, OpenApiService, payload};
use serde_json::Value;

#[derive(Enum, Clone, Copy, Debug)]
#[oai(rename_all = "lowercase")]
enum Kind {
    Class,
    Shift,
}

#[derive(Object, Clone, Debug)]
#[oai(deny_unknown_fields)]
struct Slot {
    kind: Kind,
    #[oai(validator(minimum(value = "0"), maximum(value = "6")))]
    day: u8,
}

#[derive(Object, Clone, Debug)]
#[oai(deny_unknown_fields)]
struct Job {
    #[oai(validator(min_length = 1, max_length = 12))]
    title: String,
    starts_on: Option<chrono::NaiveDate>,
    #[oai(validator(maximum(value = "40")))]
    min_years: Option<f64>,
    #[oai(validator(max_items = 2))]
    slots: Vec<Slot>,
    remote: Option<bool>,
}

struct Api;

#[expect(clippy::unused_async, reason = "operations are async")]
#[OpenApi]
impl Api {
    /// Says the title back.
    #[oai(path = "/jobs", method = "post")]
    async fn create(&self, job: Body<Job>) -> Result<payload::Json<String>, Problem> {
        Ok(payload::Json(format!("{} {}", job.0.title, job.0.slots.len())))
    }
}

fn errors(body: &str) -> Vec<String> {
    let problem = read::<Job>(body.as_bytes()).unwrap_err();
    problem.errors.iter().map(|error| format!("{} {}", error.pointer, error.detail)).collect()
}

#[test]
fn every_field_that_is_not_right_is_named() {
    let body = r#"{"title":"","title":"A title that is too long","starts_on":"2026-02-30","min_years":41,"salary":1,"remote":"no",
        "slots":[{"kind":"glass","day":7},{"day":"1","a/b":2},{"kind":"class","day":1.5}]}"#;
    let mut told = errors(body);
    told.sort();
    assert_eq!(
        told,
        [
            "/min_years is more than 40",
            "/remote must be true or false",
            "/salary is not known here; known are: title, starts_on, min_years, slots, remote",
            "/slots has 3 items, more than 2",
            "/slots/0/day is more than 6",
            "/slots/0/kind is none of: class, shift",
            "/slots/1/a~1b is not known here; known are: kind, day",
            "/slots/1/day must be a whole number",
            "/slots/1/kind is missing",
            "/slots/2/day must be a whole number",
            "/starts_on is not a day of the calendar, written YYYY-MM-DD",
            "/title is longer than 12 characters",
            "/title stands twice in its object",
        ]
    );
    assert_eq!(errors("[]"), [" must be an object"]);
    assert_eq!(errors("{}"), ["/title is missing", "/slots is missing"]);
    assert_eq!(errors(r#"{"title":"a\u0000b","slots":[]}"#), ["/title has a control character"]);
    assert_eq!(errors(r#"{"title":"a","slots":[{"kind":"class","day":1e300}]}"#).len(), 1);
}

#[test]
fn a_right_body_is_taken_and_null_is_a_missing_key() {
    let job: Job =
        read(r#"{"title":"Größe 🧘","slots":[{"kind":"shift","day":6}],"starts_on":null}"#.as_bytes())
            .unwrap();
    assert_eq!((job.title.as_str(), job.slots.len(), job.starts_on), ("Größe 🧘", 1, None));
}

#[tokio::test]
async fn over_http_every_answer_is_a_problem_and_the_document_says_so() {
    let service = OpenApiService::new(Api, "test", "1");
    let document: Value = serde_json::from_str(&service.spec()).unwrap();
    let client = TestClient::new(service);
    let post = |kind: &'static str, body: Vec<u8>| client.post("/jobs").content_type(kind).body(body).send();

    let good = post("application/json; charset=utf-8", br#"{"title":"Yoga","slots":[]}"#.to_vec()).await;
    good.assert_status_is_ok();
    for (kind, body, status, code) in [
        ("application/json", b"{".to_vec(), StatusCode::BAD_REQUEST, "malformed"),
        ("application/json", vec![0xff, 0xfe], StatusCode::BAD_REQUEST, "malformed"),
        ("application/json", b"[".repeat(100_000), StatusCode::BAD_REQUEST, "malformed"),
        ("application/json", Vec::new(), StatusCode::BAD_REQUEST, "malformed"),
        ("text/plain", b"{}".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type"),
        ("application/json", vec![b' '; 10 << 20], StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        ("application/json", b"{}".to_vec(), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
    ] {
        let response = post(kind, body).await;
        response.assert_status(status);
        response.assert_content_type("application/problem+json");
        let problem: Value = response.json().await.value().deserialize();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status.as_u16());
    }
    let responses = &document["paths"]["/jobs"]["post"]["responses"];
    assert!(responses["default"]["content"]["application/problem+json"].is_object(), "{responses}");
}
