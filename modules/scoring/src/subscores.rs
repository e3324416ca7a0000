//! One file per sub-score; each file's own text is its manual.

macro_rules! files {
    ($($file:ident)*) => { $(pub mod $file;)* };
}
crate::registry::sub_scores!(files);
