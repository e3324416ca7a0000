//! What integrators rely on: a lost update is refused, nothing is sent twice that has not changed, answers say how much may be
//! asked and are named, lists refuse what they do not know, and files go in whole or not at all and come out as they went in.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fithire_kernel::testing::on_both;
use serde_json::{Value, json};

use crate::people::{People, people};
use crate::requests::{operations, with_ids};
use crate::server::{Answer, Server, configured};

fn send(people: &People, method: &str, path: &str, more: &[(&str, &str)], body: Option<&Value>) -> Answer {
    let bearer = format!("Bearer {}", people.ours.token("admin"));
    let headers = [&[("Authorization", &*bearer)][..], more].concat();
    let body = body.map(Value::to_string);
    let body = body.as_ref().map(|body| ("application/json", &**body));
    people.server.send_with(method, &format!("/api/v1{path}"), &headers, body)
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[test]
fn a_lost_update_is_refused_and_what_has_not_changed_is_not_sent_again() {
    on_both(async |world| {
        let people = people(&world).await;
        let ours = &people.ours;
        let things = [
            (format!("/coaches/{}", ours.id("coach")), json!({"phone": "1"}), json!({"phone": "2"})),
            (format!("/jobs/{}", ours.id("job")), json!({"title": "One"}), json!({"title": "Two"})),
            (
                format!("/webhooks/{}", ours.id("webhook")),
                json!({"enabled": false}),
                json!({"enabled": true}),
            ),
        ];
        for (path, one, two) in &things {
            // Two have read it; the second to write is refused, and nothing is changed.
            let seen = tag(&send(&people, "GET", path, &[], None));
            let first = send(&people, "PATCH", path, &[("If-Match", &seen)], Some(one));
            assert_eq!(first.status, 200, "{path}: {}", first.body);
            assert_ne!(tag(&first), seen, "{path}");
            let second = send(&people, "PATCH", path, &[("If-Match", &seen)], Some(two));
            assert_eq!(
                (second.status, second.json()["code"].as_str()),
                (412, Some("changed_meanwhile")),
                "{path}"
            );
            let now = send(&people, "GET", path, &[], None);
            assert_eq!((tag(&now), &now.body), (tag(&first), &first.body), "{path}");

            // Who does not say what they have read is asked for it; who wants to overwrite says so.
            let blind = send(&people, "PATCH", path, &[], Some(two));
            assert_eq!(
                (blind.status, blind.json()["code"].as_str()),
                (428, Some("match_required")),
                "{path}"
            );
            assert_eq!(
                send(&people, "PATCH", path, &[("If-Match", "seven")], Some(two)).status,
                400,
                "{path}"
            );
            let anyway = send(&people, "PATCH", path, &[("If-Match", "*")], Some(two));
            assert_eq!(anyway.status, 200, "{path}: {}", anyway.body);

            // Of twenty who have read the same, one writes.
            let seen = tag(&anyway);
            let written = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| {
                        let answer = send(&people, "PATCH", path, &[("If-Match", &seen)], Some(one));
                        assert!(matches!(answer.status, 200 | 412), "{}", answer.body);
                        written.fetch_add(usize::from(answer.status == 200), Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(written.load(Ordering::Relaxed), 1, "{path}");

            let now = send(&people, "GET", path, &[], None);
            let same = send(&people, "GET", path, &[("If-None-Match", &tag(&now))], None);
            assert_eq!((same.status, &*same.body, tag(&same)), (304, "", tag(&now)), "{path}");
            let other = send(&people, "GET", path, &[("If-None-Match", &seen)], None);
            assert_eq!((other.status, &other.body), (200, &now.body), "{path}");
        }
        // What is compressed is another representation, of the same state.
        let path = &things[0].0;
        let bio = json!({"bio": "x".repeat(3_000)});
        send(&people, "PATCH", path, &[("If-Match", "*")], Some(&bio));
        let packed = send(&people, "GET", path, &[("Accept-Encoding", "gzip")], None);
        assert!(tag(&packed).ends_with("-gzip\""), "{}", tag(&packed));
        let again = [("Accept-Encoding", "gzip"), ("If-None-Match", &*tag(&packed))];
        assert_eq!(send(&people, "GET", path, &again, None).status, 304);
        let change = json!({"phone": "3"});
        assert_eq!(send(&people, "PATCH", path, &[("If-Match", &tag(&packed))], Some(&change)).status, 200);

        // Candidates have the state of whatever they are ranked by.
        let path = format!("/jobs/{}/candidates?limit=1", ours.id("job"));
        let seen = tag(&send(&people, "GET", &path, &[], None));
        let known = [("If-None-Match", &*seen)];
        assert_eq!(send(&people, "GET", &path, &known, None).status, 304);
        assert_eq!(send(&people, "GET", &path.replace("limit=1", "limit=2"), &known, None).status, 200);
        let renamed = json!({"name": "Renamed"});
        let coach = format!("/coaches/{}", ours.id("coach"));
        assert_eq!(send(&people, "PATCH", &coach, &[("If-Match", "*")], Some(&renamed)).status, 200);
        let now = send(&people, "GET", &path, &known, None);
        assert!(now.status == 200 && now.body.contains("Renamed"), "{} {}", now.status, now.body);
        let known = [("If-None-Match", &*tag(&now))];
        assert_eq!(send(&people, "GET", &path, &known, None).status, 304);
        let asked = json!({"facts": {"modality": "yin"}});
        let job = format!("/jobs/{}", ours.id("job"));
        assert_eq!(send(&people, "PATCH", &job, &[("If-Match", "*")], Some(&asked)).status, 200);
        assert_eq!(send(&people, "GET", &path, &known, None).status, 200);

        // A job is taken away only as it was read, where its reader says so.
        let path = &things[1].0;
        let stale = send(&people, "DELETE", path, &[("If-Match", "\"0\"")], None);
        assert_eq!(stale.status, 412, "{}", stale.body);
        assert_eq!(send(&people, "DELETE", path, &[], None).status, 200);
    });
}

#[test]
fn every_answer_is_named_and_says_how_much_may_be_asked() {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = people(&world).await;
        let mut names = BTreeSet::new();
        let mut asked = 0;
        for line in operations() {
            for role in [None, Some("admin")] {
                let token = role.map(|role| people.ours.token(role));
                // What comes of it does not matter here.
                let path = with_ids(line.2, |name| people.ours.text(name));
                let answer = people.server.send(line.1, &format!("/api/v1{path}"), token, None);
                let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
                assert!(people.server.log().contains(&id), "{}: the log has it", line.0);
                assert!(names.insert(id), "{}", line.0);
                let of = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
                let (policy, left) = (of("ratelimit-policy"), of("ratelimit"));
                assert!(policy.starts_with("\"address\";q=1000000;w=60"), "{}: {policy}", line.0);
                assert!(left.starts_with("\"address\";r="), "{}: {left}", line.0);
                let recognised = role.is_some() && line.4[0] == 401 && line.0 != "receive_webhook";
                assert_eq!(policy.contains("\"account\";q="), recognised, "{}: {policy}", line.0);
                assert_eq!(left.contains("\"account\";r="), recognised, "{}: {left}", line.0);
                asked += 1;
            }
        }
        assert!(asked > 80, "{asked}");
        for path in ["/", "/nothing", "/api/v1/nothing", "/livez", "/sign-in"] {
            let answer = people.server.send("GET", path, None, None);
            assert!(answer.headers.contains_key("x-request-id"), "{path}");
        }

        // Whoever asks too much is told so by every operation, and when to come back.
        let mut strict = configured(&world);
        let server = Server::on(strict.env("FITHIRE_RATES__ADDRESS", "5"));
        for _ in 0..6 {
            server.send("GET", "/api/v1/jobs", None, None);
        }
        for line in operations() {
            let path = with_ids(line.2, |name| people.ours.text(name));
            let answer = server.send(line.1, &format!("/api/v1{path}"), None, None);
            assert_eq!(answer.status, 429, "{}: {}", line.0, answer.body);
            let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(answer.headers["ratelimit"], format!("\"address\";r=0;t={wait}"), "{}", line.0);
        }
    });
}

fn named(answer: &Answer, name: &str) -> String {
    let problem = answer.json();
    assert_eq!(answer.status, 422, "{problem}");
    let errors = problem["errors"].as_array().unwrap();
    let error = errors.iter().find(|error| error["pointer"] == name);
    error.unwrap_or_else(|| panic!("{name} is not named: {problem}"))["detail"].as_str().unwrap().to_owned()
}

/// A whole list, page by page: the texts of a field.
fn list(people: &People, query: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = send(people, "GET", &format!("{query}&limit=2{cursor}"), &[], None);
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[test]
fn lists_are_filtered_and_sorted_and_refuse_what_they_do_not_know() {
    on_both(async |world| {
        let people = people(&world).await;
        let mark = people.ours.mark;
        for (name, region, code) in [
            ("Bea", "NY", "ACE-CPT"),
            ("Cy", "CA", "RYT-200"),
            ("Ann", "NY", "RYT-200"),
            ("Bea", "NY", "CPR-AED"),
        ] {
            let facts = json!({"holdings": [{"code": code, "state": "claimed"}]});
            let coach = json!({"name": name, "region": region, "country": "US", "facts": facts});
            assert_eq!(send(&people, "POST", "/coaches", &[], Some(&coach)).status, 200);
        }
        let coaches = |query: &str| list(&people, &format!("/coaches?{query}"), "name");
        assert_eq!(coaches("sort=name"), [mark, "Ann", "Bea", "Bea", "Cy"]);
        assert_eq!(coaches("sort=-name"), ["Cy", "Bea", "Bea", "Ann", mark]);
        assert_eq!(coaches("sort=-id"), ["Bea", "Ann", "Cy", "Bea", mark]);
        assert_eq!(coaches("sort=updated_at"), [mark, "Bea", "Cy", "Ann", "Bea"]);
        assert_eq!(coaches("region=NY&certification=RYT-200"), ["Ann"]);
        assert_eq!(coaches("name=b&sort=name"), ["Bea", "Bea"]);
        assert_eq!(coaches("country=US&certification=CPR-AED"), ["Bea"]);
        assert_eq!(coaches("approval=waiting"), [""; 0]);
        let own = json!({"name": "Own"}).to_string();
        let coach = people.ours.token("coach");
        people.server.send("POST", "/api/v1/coaches", Some(coach), Some(("application/json", &own)));
        assert_eq!(coaches("approval=waiting"), ["Own"]);
        let future = "updated_since=2099-01-01T00:00:00Z";
        assert_eq!(coaches(future), [""; 0]);
        assert_eq!(coaches("updated_since=2020-01-01T00:00:00Z&region=CA"), ["Cy"]);

        let location = people.ours.id("location");
        for (title, external) in [("Spin", "j1"), ("Barre", "j2")] {
            let job = json!({"title": title, "location_id": location, "external_id": external,
                             "employment_type": "part-time"});
            assert_eq!(send(&people, "POST", "/jobs", &[], Some(&job)).status, 200);
        }
        let jobs = |query: &str| list(&people, &format!("/jobs?{query}"), "title");
        assert_eq!(jobs("sort=title"), [mark, "Barre", "Spin"]);
        assert_eq!(jobs("sort=-updated_at"), ["Barre", "Spin", mark]);
        assert_eq!(jobs("employment_type=part-time&title=BAR"), ["Barre"]);
        assert_eq!(jobs(&format!("location_id={location}&active=true&preset=balanced")).len(), 3);
        assert_eq!(jobs("external_id=j1"), ["Spin"]);
        assert_eq!(jobs("active=false"), [""; 0]);
        assert_eq!(jobs(future), [""; 0]);

        let ask = |path: &str| send(&people, "GET", path, &[], None);
        assert_eq!(
            named(&ask("/coaches?sort=fitscore"), "sort"),
            "is none of id, -id, name, -name, updated_at, -updated_at"
        );
        assert!(named(&ask("/jobs?sort=name"), "sort").contains("-title"));
        assert!(named(&ask("/coaches?approval=maybe"), "approval").contains("waiting"));
        assert!(named(&ask("/coaches?regoin=NY"), "regoin").contains("`region`"));
        assert!(named(&ask("/coaches?certification=RYT-20"), "certification").contains("RYT-200"));
        assert!(!named(&ask("/jobs?updated_since=yesterday"), "updated_since").is_empty());
        assert!(!named(&ask("/jobs?active=perhaps"), "active").is_empty());
        assert!(!named(&ask("/jobs?location_id=here"), "location_id").is_empty());
        assert_eq!(named(&ask("/jobs?sort=id&sort=title"), "sort"), "stands twice in the query");
        // A cursor is of the order that it began in.
        let by_name = ask("/coaches?sort=name&limit=1").json()["next_cursor"].as_str().unwrap().to_owned();
        for order in ["id", "-name", "updated_at"] {
            let another = ask(&format!("/coaches?sort={order}&cursor={by_name}"));
            assert!(!named(&another, "cursor").is_empty(), "{order}");
        }
    });
}

#[test]
fn files_go_in_whole_or_not_at_all_and_come_out_as_they_went_in() {
    on_both(async |world| {
        let people = people(&world).await;
        let put = |path: &str, kind: &str, body: &str| {
            let bearer = format!("Bearer {}", people.ours.token("admin"));
            people.server.send_with("POST", path, &[("Authorization", &bearer)], Some((kind, body)))
        };
        let coaches = "/api/v1/imports/coaches";
        let bad = "external_id,name,email,certifications\n1,Ada,ada@a.test,\n2,,bob,RYT-20|claimed|\n";
        for path in [coaches.to_owned(), format!("{coaches}?dry_run=true")] {
            let refused = put(&path, "text/csv", bad);
            assert_eq!(named(&refused, "/3/name"), "row 3, name: is empty; every row needs it");
            assert!(named(&refused, "/3/email").starts_with("row 3, email: "));
            assert!(named(&refused, "/3/certifications").contains("RYT-200"));
        }
        let good = "external_id,name,email,region,longitude,latitude,radius_km,certifications,free\n\
                    1,=Ada(),ada@a.test,NY,-74.01,40.71,12.5,RYT-200|claimed|2027-06-30,mon 06:00-12:00; sat 22:00-02:00\n\
                    2,Bob,bob@a.test,,,,,,\n";
        let tried = put(&format!("{coaches}?dry_run=true"), "text/csv", good).json();
        assert_eq!(tried, json!({"dry_run": true, "added": 2, "changed": 0, "locations": 0}));
        let names = || list(&people, "/coaches?sort=id", "name");
        assert_eq!(names(), [people.ours.mark], "nothing was written");
        assert_eq!(put(coaches, "text/csv", good).json()["added"], 2);
        assert_eq!(names(), [people.ours.mark, "=Ada()", "Bob"]);

        // As a list: what is not said stays.
        let listed = json!({"coaches": [{"external_id": "1", "name": "Ada", "phone": "1"},
                                        {"external_id": "3", "name": "Cy", "facts": {"free": []}}]});
        let tried = put(&format!("{coaches}?dry_run=true"), "application/json", &listed.to_string()).json();
        assert_eq!(tried, json!({"dry_run": true, "added": 1, "changed": 1, "locations": 0}));
        let taken = put(coaches, "application/json", &listed.to_string()).json();
        assert_eq!(taken, json!({"dry_run": false, "added": 1, "changed": 1, "locations": 0}));
        let ada = send(&people, "GET", "/coaches?external_id=1", &[], None).json()["items"][0].clone();
        assert_eq!((&ada["name"], &ada["phone"], &ada["region"]), (&json!("Ada"), &json!("1"), &json!("NY")));
        assert_eq!(ada["facts"]["holdings"][0]["code"], "RYT-200");
        let wrong = json!({"coaches": [{"external_id": "4", "name": "D"}, {"external_id": "4", "name": "E"},
                                       {"name": "F", "facts": {"tz": "Mars"}}, {"name": ""}]});
        let refused = put(coaches, "application/json", &wrong.to_string());
        assert!(!named(&refused, "/coaches/3/name").is_empty(), "what the schema says comes first");
        let wrong = json!({"coaches": [{"external_id": "4", "name": "D"}, {"external_id": "4", "name": "E"},
                                       {"name": "F", "facts": {"tz": "Mars"}}]});
        let refused = put(coaches, "application/json", &wrong.to_string());
        assert_eq!(named(&refused, "/coaches/1/external_id"), "is that of /coaches/0, too");
        assert!(named(&refused, "/coaches/2/external_id").starts_with("is missing"));
        assert!(!named(&refused, "/coaches/2/facts/tz").is_empty());
        assert_eq!(names().len(), 4, "all of them or none");
        assert_eq!(put(coaches, "text/plain", good).status, 415);

        // What comes out goes in again, and changes nothing; no cell is a formula.
        let hostile = json!({"name": "=HYPERLINK(\"x\")", "bio": "@SUM(A1)", "phone": "+1 555"});
        let path = format!("/coaches/{}", ada["id"]);
        assert_eq!(send(&people, "PATCH", &path, &[("If-Match", "*")], Some(&hostile)).status, 200);
        let out = send(&people, "GET", "/exports/coaches?limit=3", &[], None);
        assert_eq!(out.headers["content-type"], "text/csv; charset=utf-8");
        assert!(
            out.body.contains("\"'=HYPERLINK(\"\"x\"\")\"") && out.body.contains("'@SUM(A1)"),
            "{}",
            out.body
        );
        assert!(out.body.contains("'+1 555") && out.body.contains(",-74.01,"), "{}", out.body);
        assert!(out.body.contains("mon 06:00-12:00; sat 22:00-02:00"), "{}", out.body);
        let links = |answer: &Answer| -> Vec<String> {
            answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect()
        };
        let link = links(&out).into_iter().find(|link| link.contains("rel=\"next\"")).unwrap();
        let next = link.strip_prefix("</api/v1").unwrap().split('>').next().unwrap();
        let rest = send(&people, "GET", next, &[], None);
        assert!(
            rest.body.contains(",Cy,") && links(&rest).iter().all(|link| !link.contains("next")),
            "{}",
            rest.body
        );
        let before = send(&people, "GET", &path, &[], None).json()["facts"].clone();
        let file: Vec<&str> = out.body.lines().filter(|line| !line.starts_with(',')).collect();
        let again = put(coaches, "text/csv", &file.join("\n"));
        assert_eq!((again.status, again.json()["changed"].as_u64()), (200, Some(2)), "{}", again.body);
        assert_eq!(send(&people, "GET", &path, &[], None).json()["facts"], before);

        // That somebody is never free is a fact, and comes out and goes in as one.
        let cy = send(&people, "GET", "/coaches?external_id=3", &[], None).json()["items"][0].clone();
        let row = rest.body.lines().find(|line| line.contains(",Cy,")).unwrap();
        assert!(row.contains(",never,"), "{row}");
        let head = rest.body.lines().next().unwrap();
        let file = format!("{head}\n{}\n", row.replace(",Cy,,", ",Cy,cy@a.test,"));
        assert_eq!(put(coaches, "text/csv", &file).json()["changed"], 1, "{file}");
        let again = send(&people, "GET", "/coaches?external_id=3", &[], None).json()["items"][0].clone();
        assert_eq!((&again["facts"], &again["facts"]["free"]), (&cy["facts"], &json!([])));
    });
}

#[test]
fn jobs_go_in_as_a_file_and_as_a_list() {
    on_both(async |world| {
        let people = people(&world).await;
        let put = |path: &str, kind: &str, body: &str| {
            let bearer = format!("Bearer {}", people.ours.token("admin"));
            people.server.send_with("POST", path, &[("Authorization", &bearer)], Some((kind, body)))
        };
        // Locations are made where that is wished.
        let jobs = "/api/v1/imports/jobs";
        let file = "external_id,title,location,postal_code,country\n1,Spin,Pier,10013,US\n";
        assert!(named(&put(jobs, "text/csv", file), "/2/location").starts_with("row 2, location: unknown"));
        let made = put(&format!("{jobs}?create_locations=true"), "text/csv", file).json();
        assert_eq!(made, json!({"dry_run": false, "added": 1, "changed": 0, "locations": 1}));

        // As a list: what is not said stays, and nothing is taken of a list in which something is wrong.
        let at = people.ours.id("location");
        let listed = json!({"jobs": [{"external_id": "1", "title": "Spin at dawn", "location_id": at},
            {"external_id": "2", "title": "Row", "location_id": at, "facts": {"modality": "hiit"}, "threshold": 0.7}]});
        let tried = put(&format!("{jobs}?dry_run=true"), "application/json", &listed.to_string()).json();
        assert_eq!(tried, json!({"dry_run": true, "added": 1, "changed": 1, "locations": 0}));
        let taken = put(jobs, "application/json", &listed.to_string()).json();
        assert_eq!(taken, json!({"dry_run": false, "added": 1, "changed": 1, "locations": 0}));
        let again = json!({"jobs": [{"external_id": "2", "title": "Rowing", "location_id": at}]});
        assert_eq!(put(jobs, "application/json", &again.to_string()).json()["changed"], 1);
        let row = send(&people, "GET", "/jobs?external_id=2", &[], None).json()["items"][0].clone();
        assert_eq!(
            (&row["title"], &row["facts"]["modality"], &row["threshold"]),
            (&json!("Rowing"), &json!("hiit"), &json!(0.7))
        );
        let elsewhere = people.theirs.id("location");
        let wrong = json!({"jobs": [{"external_id": "4", "title": "A", "location_id": at, "preset": "balancd"},
            {"external_id": "4", "title": "B", "location_id": elsewhere},
            {"title": "C", "location_id": at, "facts": {"modality": "spinning"}}]});
        let refused = put(jobs, "application/json", &wrong.to_string());
        assert!(named(&refused, "/jobs/0/preset").contains("balanced"));
        assert_eq!(named(&refused, "/jobs/1/external_id"), "is that of /jobs/0, too");
        assert_eq!(named(&refused, "/jobs/1/location_id"), "is no location of the brand");
        assert!(named(&refused, "/jobs/2/external_id").starts_with("is missing"));
        assert!(!named(&refused, "/jobs/2/facts/modality").is_empty());
        assert_eq!(list(&people, "/jobs?external_id=4", "title"), Vec::<String>::new());
    });
}

#[test]
fn a_job_is_posted_with_what_anybody_may_read() {
    on_both(async |world| {
        let people = people(&world).await;
        let job = json!({
            "title": "HIIT coach", "description": "Mornings", "location_id": people.ours.id("location"),
            "external_id": "secret-7", "preset": "local-team", "threshold": 0.61, "employment_type": "Part-time",
            "pay": {"type": "hourly", "min": 40, "max": 55, "currency": "USD"},
            "facts": {"starts_on": "2026-12-01", "modality": "hiit", "min_years": 1.5, "virtual": true,
                      "requirements": [{"any_of": ["NASM-CPT", "ACE-CPT"], "kind": "required"}],
                      "slots": [{"kind": "class", "day": 5, "start": "09:00", "minutes": 60}]}
        });
        let id = send(&people, "POST", "/jobs", &[], Some(&job)).json()["id"].clone();
        let path = format!("/jobs/{id}/posting");
        let posted = send(&people, "GET", &path, &[], None);
        assert_eq!(posted.headers["content-type"], "application/ld+json");
        let posting = posted.json();
        assert_eq!(
            (&posting["@context"], &posting["@type"]),
            (&json!("https://schema.org"), &json!("JobPosting"))
        );
        assert_eq!(posting["employmentType"], "PART_TIME");
        assert_eq!(posting["jobLocationType"], "TELECOMMUTE");
        assert_eq!(posting["hiringOrganization"]["name"], people.ours.mark);
        assert_eq!(
            posting["baseSalary"],
            json!({"@type": "MonetaryAmount", "currency": "USD", "value":
                {"@type": "QuantitativeValue", "minValue": 40.0, "maxValue": 55.0, "unitText": "HOUR"}})
        );
        assert_eq!(posting["experienceRequirements"]["monthsOfExperience"], 18);
        assert_eq!(posting["qualifications"], "Required: NASM-CPT or ACE-CPT");
        assert_eq!(posting["workHours"], "Sat 09:00, 60 min");
        let coach =
            people.server.send("GET", &format!("/api/v1{path}"), Some(people.ours.token("coach")), None);
        assert_eq!(coach.body, posted.body, "it is the same for everybody");
        for told in ["secret-7", "local-team", "0.61", "6100", "threshold", "preset"] {
            assert!(!posted.body.contains(told), "{told}: {}", posted.body);
        }
        send(&people, "DELETE", &format!("/jobs/{id}"), &[], None);
        assert_eq!(send(&people, "GET", &path, &[], None).status, 409, "a closed job is not posted");
    });
}
