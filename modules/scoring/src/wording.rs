//! One wording for what every reader says: unknown names, and types for those who do not know Rust's.

/// The candidate nearest to what was written, when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A hostile name may be as long as the input; a name that long resembles nothing.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&written, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `unknown modality `hitt`: did you mean `hiit`?`, or the whole list where it is short.
#[must_use]
pub fn unknown<'a>(what: &str, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    const SHORT: usize = 12;
    let shown: String = written.chars().take(64).collect();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(written, candidates.iter().copied()) {
        Some(near) => format!("unknown {what} `{shown}`: did you mean `{near}`?"),
        None if (1..=SHORT).contains(&candidates.len()) => {
            format!("unknown {what} `{shown}` (one of {})", candidates.join(", "))
        }
        None => format!("unknown {what} `{shown}`"),
    }
}

/// A reader's message with its types in words, and with the nearest of the names that it lists.
#[must_use]
pub fn plain_types(message: &str) -> String {
    const KINDS: [(&str, &str); 8] = [
        ("expected f64", "expected a number"),
        ("expected u8", "expected a small whole number"),
        ("expected u16", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        (" as i128", ""),
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: object"),
    ];
    let plain =
        KINDS.iter().fold(message.to_owned(), |message, (kind, meaning)| message.replace(kind, meaning));
    if !plain.starts_with("unknown field `") && !plain.starts_with("unknown variant `") {
        return plain;
    }
    // Names stand between backticks: what was written first, then what is known.
    let mut names = plain.split('`').skip(1).step_by(2);
    let written = names.next().unwrap_or_default();
    match nearest(written, names) {
        Some(near) => plain.replacen("`, expected", &format!("`: did you mean `{near}`? Expected"), 1),
        None => plain,
    }
}
