//! Which part of a brand somebody reaches, as a field of a form: `""` is all of it, else `region-ID` or `location-ID`.

use fithire_identity::{Limits, Role};
use fithire_kernel::form::capital;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;

use crate::service::Branch;

/// What can be chosen: the brand, then each region with its locations.
pub(super) fn choices(tree: &[Branch]) -> Vec<(String, String)> {
    let mut choices = vec![(String::new(), "The whole brand".to_owned())];
    for region in tree {
        choices.push((format!("region-{}", region.id), region.name.clone()));
        let locations = region.locations.iter();
        choices.extend(
            locations.map(|one| (format!("location-{}", one.id), format!("{}: {}", region.name, one.name))),
        );
    }
    choices
}

/// What is chosen for limits.
pub(super) fn chosen(limits: Limits) -> String {
    match (limits.location_id, limits.region_id) {
        (Some(id), _) => format!("location-{id}"),
        (None, Some(id)) => format!("region-{id}"),
        (None, None) => String::new(),
    }
}

/// The limits of a choice among those that there are.
pub(super) fn limits(text: &str, tree: &[Branch]) -> Result<Limits, Problem> {
    let known = choices(tree).iter().any(|(value, _)| value == text);
    let id = |text: &str| text.parse::<Id>().ok();
    let limits = match text.split_once('-') {
        Some(("region", region)) => Limits { region_id: id(region), location_id: None },
        Some(("location", location)) => Limits { region_id: None, location_id: id(location) },
        _ => Limits::default(),
    };
    if known { Ok(limits) } else { Err(Problem::field("/reach", "is no part of the brand")) }
}

/// The same in words.
pub(super) fn words(role: &str, limits: Limits, tree: &[Branch]) -> String {
    match choices(tree).into_iter().find(|(value, _)| *value == chosen(limits)) {
        Some((value, _)) if value.is_empty() && role == "coach" => "Their own profile".to_owned(),
        Some((_, words)) => words,
        None => "A part that is gone".to_owned(),
    }
}

/// The role of a form.
pub(super) fn role(text: &str) -> Result<Role, Problem> {
    Role::read(text).ok_or_else(|| Problem::field("/role", "is no role"))
}

/// Value and label of each role.
pub(super) fn roles() -> Vec<(&'static str, String)> {
    [Role::Manager, Role::Admin, Role::Coach].map(|role| (role.as_str(), capital(role.as_str()))).into()
}
