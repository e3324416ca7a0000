//! Files in, rows or problems out.

mod fuzzed;

use fithire_import::{Problem, coaches, jobs, sample, written};
use fithire_scoring::preset::builtin;

fn read_coaches(csv: &str) -> Result<Vec<coaches::Row>, Vec<Problem>> {
    coaches::read(csv.as_bytes(), &mut |_| {})
}

fn read_jobs(csv: &str) -> Result<Vec<jobs::Row>, Vec<Problem>> {
    jobs::read(csv.as_bytes(), jobs::Known { presets: Some(builtin()), locations: None }, &mut |_| {})
}

fn problems<T>(result: Result<Vec<T>, Vec<Problem>>) -> String {
    let Err(problems) = result else { panic!("the file is taken") };
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_full_row_of_each_file_is_read() {
    let coach = "external_id,name,email,phone,postal_code,city,region,country,latitude,longitude,radius_km,time_zone,bio,languages,\
                 certifications,positions,taught,free,if_needed,style\n\
                 c1,Ada Chen,ada@example.test,+1 555 0100,10013,New York,NY,US,40.72,-74.0,12.5,America/New_York,\"Runs, lifts\",en; zh,\
                 NASM-CPT|claimed|2027-06-30; CPR-AED|pending|,hiit|2021-02-01|2023-05-31; yin|2023-06-01|,hiit|2026-10-01,\
                 mon 06:00-12:00; sat 22:00-02:00,sun 08:00-10:00,intensity=3; music=1\n";
    let job = "external_id,title,location,postal_code,city,region,country,latitude,longitude,modality,description,starts_on,virtual,\
               employment_type,pay_type,pay_min,pay_max,currency,min_years,requirements,slots,style,preset,threshold\n\
               j1,Weekend HIIT,NYC Tribeca,10013,,,,,,hiit,\"Two classes, one team\",2026-12-01,no,part-time,per class,40,55.50,usd,1.5,\
               required: NASM-CPT|ACE-CPT; preferred: CPR-AED,class sat 09:00 60; shift mon 06:00 240,intensity=4,local-team,0.7\n";
    insta::assert_debug_snapshot!("a_full_coach", read_coaches(coach).unwrap());
    insta::assert_debug_snapshot!("a_full_job", read_jobs(job).unwrap());
}

#[test]
fn every_problem_has_its_row_and_column() {
    let csv = "external_id,name,email,postal_code,radius_km,certifications,positions,free,latitude,longitude\n\
               c1,Ada,ada@example.test,10013,10,NASM-CPT|verified|2027-01-31,,,,\n\
               c2,Ben,ben@example.test,2134,10,NASM-CTP|verified|2027-01-31,,,,\n\
               c3,,no-address,,-5,,hiit|2024-02-30|,mon 9-12,,\n\
               c4,Dana,dana@example.test,,NaN,CPR-AED|verified|2027-02-30,,,NaN,1e999\n\
               c1,Elif,elif@example.test,,,,hiit|2024-03-01|2024-02-01,,40.7,\n\
               c6,Finn,finn@example.test\n";
    insta::assert_snapshot!(problems(read_coaches(csv)));
}

#[test]
fn problems_of_jobs_too() {
    let csv = "external_id,title,location,city,modality,min_years,requirements,slots,style,threshold,pay_min,pay_max,virtual,starts_on,preset\n\
               j1,Yoga,Soho,Springfield,vinyassa,2.05,RYT-200,class sat 09:10 60,intensity=5,1.5,50,40,maybe,2026-13-01,ballanced\n\
               ,,,Atlantis,,99,required: RYT-9000,yoga sat 09:00 60,a=1;a=2,0.12345,x,,,,\n";
    insta::assert_snapshot!(problems(read_jobs(csv)));
}

#[test]
fn a_text_is_no_longer_than_the_api_takes_it() {
    let longest = [
        ("external_id", 100),
        ("name", 200),
        ("phone", 50),
        ("postal_code", 20),
        ("city", 100),
        ("region", 100),
        ("bio", 5_000),
        ("languages", 200),
    ];
    let row = |column: &str, text: &str| {
        let cell = |name: &str, usual: &str| {
            if name == column { text.to_owned() } else { usual.to_owned() }
        };
        let mut columns = vec!["external_id", "name", "email", "latitude", "longitude"];
        let known = columns.contains(&column);
        let mut cells = vec![
            cell("external_id", "c1"),
            cell("name", "Ada"),
            cell("email", "ada@example.test"),
            "40.7".to_owned(),
            "-74.0".to_owned(),
        ];
        if !known {
            columns.push(column);
            cells.push(text.to_owned());
        }
        read_coaches(&format!("{}\n{}\n", columns.join(","), cells.join(",")))
    };
    for (column, most) in longest {
        // Characters count, and not bytes.
        assert!(row(column, &"é".repeat(most)).is_ok(), "{column}");
        let told = problems(row(column, &"é".repeat(most + 1)));
        assert_eq!(told, format!("row 2, {column}: is longer than {most} characters"));
    }
    let email = |most: usize| format!("{}@example.test", "a".repeat(most - "@example.test".len()));
    assert!(row("email", &email(320)).is_ok());
    assert_eq!(problems(row("email", &email(321))), "row 2, email: is longer than 320 characters");
    assert!(row("style", &format!("{}=3", "s".repeat(50))).is_ok());
    let style = problems(row("style", &format!("{}=3", "s".repeat(51))));
    assert_eq!(style, "row 2, style: names a dimension of more than 50 characters");

    let dimensions = |count: usize| (0..count).map(|n| format!("d{n}=3")).collect::<Vec<_>>().join(";");
    assert!(row("style", &dimensions(50)).is_ok());
    assert_eq!(problems(row("style", &dimensions(51))), "row 2, style: names 51 dimensions, more than 50");

    let head = "external_id,title,location,latitude,longitude,region,description,employment_type,pay_type\n";
    let [long, longer] = [101, 201].map(|count| "x".repeat(count));
    let described = "x".repeat(20_001);
    let csv = format!("{head}{long},{longer},{long},40.7,-74.0,{long},{described},{long},{long}\n");
    assert_eq!(
        problems(read_jobs(&csv)).lines().collect::<Vec<_>>(),
        [
            "row 2, external_id: is longer than 100 characters",
            "row 2, title: is longer than 200 characters",
            "row 2, location: is longer than 100 characters",
            "row 2, region: is longer than 100 characters",
            "row 2, description: is longer than 20000 characters",
            "row 2, employment_type: is longer than 50 characters",
            "row 2, pay_type: is longer than 50 characters",
        ]
    );
}

#[test]
fn a_header_that_cannot_be_right_is_told() {
    let told = |csv: &str| problems(read_coaches(csv));
    insta::assert_snapshot!(
        [
            told(""),
            told("\n\n"),
            told("external_id,name,email\n"),
            told("external_id;name;email\nc1;Ada;ada@example.test\n"),
            told("external_id,name,nmae,email,email\n"),
            told("name,city\nAda,Boston\n"),
        ]
        .join("\n--\n")
    );
}

#[test]
fn bytes_that_are_no_text_are_a_problem_of_their_row() {
    let csv = b"external_id,name,email\nc1,Ada,ada@example.test\nc2,Zo\xEB,zoe@example.test\n";
    let found = problems(coaches::read(csv, &mut |_| {}));
    assert_eq!(found, "row 3: is not UTF-8; save the file as \"CSV UTF-8\"");
}

#[test]
fn a_byte_order_mark_and_blank_rows_are_no_matter() {
    let csv = "\u{feff}External_ID,Name,Email\r\nc1,Ada,ada@example.test\r\n,,\r\n";
    assert_eq!(read_coaches(csv).unwrap().len(), 1);
}

#[test]
fn a_job_without_a_named_place_takes_the_zone_of_its_coordinates() {
    let csv = "external_id,title,location,latitude,longitude\nj1,HIIT,Tribeca,40.7163,-74.0086\n";
    assert_eq!(read_jobs(csv).unwrap()[0].facts.tz.unwrap().name(), "America/New_York");
}

#[test]
fn samples_are_valid_and_the_same_every_time() {
    let day = fithire_scoring::date::parse("2026-11-23").unwrap();
    let (coaches, jobs) = (sample::coaches(7, 300, day), sample::jobs(7, 40, day));
    assert_eq!(read_coaches(&coaches).unwrap().len(), 300);
    assert_eq!(read_jobs(&jobs).unwrap().len(), 40);
    assert_eq!(coaches, sample::coaches(7, 300, day));
    assert!(sample::coaches(7, 400, day).starts_with(&coaches), "a longer file begins with the shorter one");
}

#[test]
fn a_quote_that_is_never_closed_loses_no_row_in_silence() {
    let head = "external_id,name,email,bio\n";
    let open = format!("{head}c1,Ada,a@b.c,\"loves yoga\nc2,Ben,b@b.c,x\nc3,Cy,c@b.c,y\n");
    assert!(problems(read_coaches(&open)).contains("never closed"));
    for right in ["5\" tall", "\"say \"\"hi\"\"\"", "\"two\nlines\"", "\"\"", "a\"b\"\"c"] {
        let csv = format!("{head}c1,Ada,a@b.c,{right}\nc2,Ben,b@b.c,x\n");
        assert_eq!(read_coaches(&csv).unwrap().len(), 2, "{right}");
        assert_eq!(
            read_coaches(csv.trim_end().rsplit_once('\n').unwrap().0).unwrap().len(),
            1,
            "{right} last"
        );
    }
}

#[test]
fn rows_are_counted_as_a_spreadsheet_counts_them() {
    let csv = "external_id,name,email\nc1,Ada,a@b.c\n\n\nc2,,b@b.c\nc3,\"two\nlines\",c@b.c\nc4,,d@b.c\n";
    assert_eq!(
        problems(read_coaches(csv)),
        "row 5, name: is empty; every row needs it\nrow 7, name: is empty; every row needs it"
    );
}

#[test]
fn five_digits_are_a_zip_code_only_where_nothing_speaks_against_it() {
    let told = |place: &str| {
        read_coaches(&format!(
            "external_id,name,email,postal_code,city,region,country\nc1,Ada,a@b.c,{place}\n"
        ))
        .map(|rows| rows[0].facts.tz.map(fithire_scoring::facts::Zone::name))
    };
    for american in
        ["10013,,,", "10013,New York,,", "10013,Anywhere,NY,", "10013,Anywhere,,USA", ",New York,NY,US"]
    {
        assert_eq!(told(american).unwrap(), Some("America/New_York"), "{american}");
    }
    assert_eq!(told("SW1A 1AA,London,ENG,").unwrap(), Some("Europe/London"));
    for doubtful in ["10115,Berlin,,", "10115,,,Germany", "2134,,,", ",Oklahoma,,US", "SW1A 1AA,,,GB"] {
        assert!(told(doubtful).is_err(), "{doubtful}");
    }
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let day = "2026-11-23".parse().unwrap();
    let rows = coaches::read(sample::coaches(3, 200, day).as_bytes(), &mut |_| {}).unwrap();
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let head: Vec<&str> = written::facts(&rows[0].facts).iter().map(|(column, _)| *column).collect();
    let mut lines = vec![format!("external_id,name,email,{}", head.join(","))];
    for row in &rows {
        let cells: Vec<String> = written::facts(&row.facts).iter().map(|(_, cell)| quoted(cell)).collect();
        lines.push(format!("{},{},{},{}", row.external_id, row.name, row.email, cells.join(",")));
    }
    let file = lines.join("\n");
    let again = coaches::read(file.as_bytes(), &mut |_| {}).unwrap();
    let facts = |rows: &[coaches::Row]| rows.iter().map(|row| format!("{:?}", row.facts)).collect::<Vec<_>>();
    assert_eq!(facts(&again), facts(&rows));
}
