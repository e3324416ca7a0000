//! What a file is by its first bytes, held against what it was said to be.

use crate::model::name_of;

/// What is wrong with a file that should be of a type, in words for its owner; nothing when it is what it should be.
pub(crate) fn wrong(media_type: &str, beginning: &[u8]) -> Option<String> {
    let called = name_of(media_type);
    let Some(kind) = infer::get(beginning) else {
        return Some(format!("by its content it is not {called}"));
    };
    let found = kind.mime_type();
    let same = match media_type {
        // The same container with another maker's mark.
        "video/mp4" => matches!(found, "video/mp4" | "video/x-m4v"),
        "video/quicktime" => matches!(found, "video/quicktime" | "video/mp4" | "video/x-m4v"),
        other => other == found,
    };
    (!same).then(|| format!("by its content it is of the type {}, not {called}", kind.extension()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginnings of files of each type.
    const BEGINNINGS: [(&str, &[u8]); 9] = [
        ("video/mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
        ("video/mp4", b"\0\0\0\x1cftypmp42\0\0\0\0mp42isom"),
        ("video/mp4", b"\0\0\0\x20ftypM4V \0\0\0\x01M4V mp42isom"),
        ("video/quicktime", b"\0\0\0\x14ftypqt  \0\0\x02\0qt  "),
        ("video/webm", b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"),
        ("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("image/webp", b"RIFF\x24\0\0\0WEBPVP8 "),
        ("application/pdf", b"%PDF-1.7\n"),
    ];

    #[test]
    fn what_it_says_it_is_is_taken_and_nothing_else() {
        for (media_type, beginning) in BEGINNINGS {
            assert_eq!(wrong(media_type, beginning), None, "{media_type}");
            for (other, _) in BEGINNINGS.iter().filter(|(other, _)| *other != media_type) {
                let related = (media_type, *other) == ("video/mp4", "video/quicktime");
                assert_eq!(wrong(other, beginning).is_none(), related, "{media_type} as {other}");
            }
        }
        for program in [
            &b"MZ\x90\0\x03\0\0\0"[..],
            b"\x7fELF\x02\x01\x01\0",
            b"#!/bin/sh\n",
            b"<html>",
            b"PK\x03\x04",
            b"",
        ] {
            for (media_type, _) in BEGINNINGS {
                assert!(wrong(media_type, program).is_some(), "{program:?} as {media_type}");
            }
        }
    }
}
