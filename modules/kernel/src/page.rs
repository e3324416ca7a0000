//! Pages: typed contexts rendered by Tera templates that are compiled into the program.
//!
//! Everything that a page shows is escaped. Every page has the same frame, `base.html`, which gets a [`Shell`].

use poem::http::StatusCode;
use poem::http::header::RETRY_AFTER;
use poem::web::Html;
use poem::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tera::{Context, Tera};

use crate::problem::Problem;

/// Names of templates and their texts.
pub type Templates = &'static [(&'static str, &'static str)];

/// What one template shows.
pub trait Template: Serialize {
    /// The template's name.
    const NAME: &'static str;
}

/// What the frame of a page shows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shell {
    /// Who is signed in.
    pub person: Option<Person>,
    /// What forms carry, so that nobody else's page can send them.
    pub form_token: String,
    /// The path of the page.
    pub here: String,
    /// What the visitor has just done, said once.
    pub toast: Option<Toast>,
}

/// What has just been done, and how to take it back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toast {
    /// A short sentence.
    pub text: String,
    /// The form that takes it back.
    pub undo: Option<Undo>,
}

/// A form that takes back what has been done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Undo {
    /// The path that it is posted to.
    pub action: String,
    /// Name and value of its hidden fields.
    pub fields: Vec<(String, String)>,
}

impl Toast {
    /// What has been done.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), undo: None }
    }

    /// The same with the form that takes it back.
    #[must_use]
    pub fn with_undo(self, action: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { undo: Some(Undo { action: action.into(), fields }), ..self }
    }
}

/// Someone who is signed in.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// What others see.
    pub name: String,
    /// coach, manager or admin.
    pub role: &'static str,
    /// Whether there is another brand to go to.
    pub several: bool,
    /// How much they have been told that they have not read.
    pub unread: i64,
}

/// Every template of the program.
#[derive(Debug)]
pub struct Pages(Tera);

impl Pages {
    /// Reads the templates of every module; `globals` are there in each of them.
    ///
    /// # Panics
    /// When one cannot be read, which a test excludes.
    #[must_use]
    pub fn new(modules: &[Templates], globals: &[(&'static str, &str)]) -> Self {
        let mut tera = Tera::new();
        // Together, because a template may build on one of another module.
        let templates = modules.iter().flat_map(|templates| templates.iter().copied());
        tera.add_raw_templates(templates).expect("templates are well-formed");
        for (name, value) in globals {
            tera.global_context().insert(*name, value);
        }
        Self(tera)
    }

    /// Renders a page.
    ///
    /// # Errors
    /// When the template and its context do not fit, which is our own fault.
    pub fn render<T: Template>(&self, shell: &Shell, page: &T) -> Result<Html<String>, Problem> {
        let mut context = Context::from_serialize(page).map_err(|error| Problem::internal(&error))?;
        context.insert("shell", shell);
        self.0.render(T::NAME, &context).map(Html).map_err(|error| Problem::internal(&error))
    }
}

/// A page with a form, or the form again with what is not right with it.
///
/// # Errors
/// Never: each code has a status.
pub fn shown(page: Html<String>, problem: Option<&Problem>) -> Result<Response, Problem> {
    match problem {
        Some(problem) => refused(page, problem),
        None => Ok(page.into_response()),
    }
}

/// A form again, with what is not right with it.
///
/// # Errors
/// Never: each code has a status.
pub fn refused(page: Html<String>, problem: &Problem) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(problem.code.status()).map_err(|error| Problem::internal(&error))?;
    let mut response = page.with_status(status).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}
