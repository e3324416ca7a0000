//! Pictures without what they say of themselves: where and when they were taken, with which device, by whom, and small copies
//! of what was cut away. Whoever shows a face to managers need not show them where they live.
//!
//! Only what is needed to see the picture stays: its data, its colours, and which side is up. It is not decoded.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF};

/// A picture of a type, bare; nothing where it cannot be read to its end.
pub(crate) fn bare(media_type: &str, bytes: Bytes) -> Option<Bytes> {
    match media_type {
        "image/jpeg" => jpeg(bytes),
        "image/png" => png(bytes),
        "image/webp" => webp(bytes),
        _ => None,
    }
}

fn jpeg(bytes: Bytes) -> Option<Bytes> {
    let mut picture = Jpeg::from_bytes(bytes).ok()?;
    let upright = upright(&picture);
    let begins = |segment: &JpegSegment, with: &[u8]| segment.contents().starts_with(with);
    picture.segments_mut().retain(|segment| match segment.marker() {
        markers::APP0 => begins(segment, b"JFIF\0"),
        markers::APP2 => begins(segment, b"ICC_PROFILE\0"),
        markers::APP14 => begins(segment, b"Adobe"),
        markers::APP1..=markers::APP15 | markers::JPG0..=markers::JPG13 | markers::COM => false,
        _ => true,
    });
    picture.set_exif(upright);
    let bytes = picture.encoder().bytes();
    // Behind a picture there may be others with notes of their own, or a film.
    let end = end_of_jpeg(&bytes)?;
    Some(bytes.slice(..end))
}

/// Where a JPEG file ends by its own marks.
fn end_of_jpeg(bytes: &[u8]) -> Option<usize> {
    /// It is of no length, and of no use.
    const TEM: u8 = 1;
    let mut at = 2;
    loop {
        let rest = bytes.get(at..)?;
        // Within a scan there are no marks but those of its rows; a zero says that a byte is none.
        at += rest.windows(2).position(|pair| pair[0] == markers::P && !matches!(pair[1], 0 | markers::P))?;
        let mark = *bytes.get(at + 1)?;
        at += 2;
        match mark {
            markers::EOI => return Some(at),
            markers::RST0..=markers::RST7 | TEM => {}
            _ => at += usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])),
        }
    }
}

fn png(bytes: Bytes) -> Option<Bytes> {
    const NEEDED: [&[u8; 4]; 16] = [
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
        b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
    ];
    let mut picture = Png::from_bytes(bytes).ok()?;
    let upright = upright(&picture);
    picture.chunks_mut().retain(|chunk| NEEDED.contains(&&chunk.kind()));
    let whole = picture.chunks().first()?.kind() == *b"IHDR" && picture.chunks().last()?.kind() == *b"IEND";
    picture.set_exif(upright);
    whole.then(|| picture.encoder().bytes())
}

fn webp(bytes: Bytes) -> Option<Bytes> {
    /// The bit that promises notes of another kind, which are gone.
    const SAYS_XMP: u8 = 4;
    const NEEDED: [&[u8; 4]; 7] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
    let mut picture = WebP::from_bytes(bytes).ok()?;
    let upright = upright(&picture);
    picture.chunks_mut().retain(|chunk| NEEDED.contains(&&chunk.id()));
    picture.dimensions()?;
    for chunk in picture.chunks_mut().iter_mut().filter(|chunk| chunk.id() == *b"VP8X") {
        if let RiffContent::Data(data) = chunk.content_mut()
            && let [flags, rest @ ..] = &**data
        {
            *data = [&[flags & !SAYS_XMP], rest].concat().into();
        }
    }
    picture.set_exif(upright);
    Some(picture.encoder().bytes())
}

/// Which side of a picture is up, as the only note that it keeps; nothing where it is the usual one.
fn upright(picture: &impl ImageEXIF) -> Option<Bytes> {
    let side = orientation(&picture.exif()?)?;
    // A little-endian TIFF head, and one entry: orientation, one short.
    let note = [b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, side, 0, 0, 0, 0, 0, 0, 0];
    (2..=8).contains(&side).then(|| Bytes::copy_from_slice(&note))
}

/// The orientation that EXIF notes give.
fn orientation(notes: &[u8]) -> Option<u8> {
    let little = match notes.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair = notes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let long = |at: usize| {
        let four = notes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let table = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(table)?);
    let entry = (0..entries).map(|n| table + 2 + 12 * n).find(|at| short(*at) == Some(0x0112))?;
    u8::try_from(short(entry + 8)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes that name a place, with an orientation.
    fn notes(side: u8) -> Vec<u8> {
        let mut notes =
            b"MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x04Cam\0\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        notes.extend([side, 0, 0, 0, 0, 0, 0]);
        notes.extend(b"40.7163 N 74.0086 W");
        notes
    }

    fn segment(marker: u8, contents: &[u8]) -> Vec<u8> {
        let length = u16::try_from(contents.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker][..], &length, contents].concat()
    }

    fn chunk(kind: [u8; 4], contents: &[u8]) -> Vec<u8> {
        let chunk = img_parts::png::PngChunk::new(kind, Bytes::copy_from_slice(contents));
        chunk.encoder().bytes().to_vec()
    }

    fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, contents) in chunks {
            body.extend(*kind);
            body.extend(u32::try_from(contents.len()).unwrap().to_le_bytes());
            body.extend(*contents);
            body.extend(vec![0; contents.len() % 2]);
        }
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    /// A picture of each type with everything that it might say, and the same as it should be.
    fn pictures(side: u8) -> [(&'static str, Vec<u8>, Vec<u8>); 3] {
        let told = notes(side);
        let exif = |kept: bool| match (kept, upright_note(side)) {
            (true, None) => Vec::new(),
            (true, Some(note)) => note,
            (false, _) => told.clone(),
        };
        let head = [&b"\xff\xd8"[..], &segment(markers::APP0, b"JFIF\0 and so on")].concat();
        let body = [
            segment(markers::APP2, b"ICC_PROFILE\0\x01\x01colours"),
            segment(markers::DQT, &[1; 65]),
            segment(0xc0, b"\x08\0\x02\0\x02\x01\x01\x11\0"),
            segment(markers::SOS, b"\x01\x01\0\0\x3f\0"),
            b"scan \xff\0 \xff\xd0 more".to_vec(),
            segment(markers::SOS, b"\x01\x01\0\0\x3f\0"),
            b"another\xff\xd9".to_vec(),
        ]
        .concat();
        let app1 = |told: &[u8]| match told {
            [] => Vec::new(),
            told => segment(markers::APP1, &[b"Exif\0\0", told].concat()),
        };
        let extra = [
            segment(markers::APP1, b"http://ns.adobe.com/xap/1.0/\0<x:place>40.7163 N"),
            segment(markers::APP13, b"Photoshop 3.0\0 40.7163 N"),
            segment(markers::COM, b"taken at 40.7163 N"),
            segment(markers::APP2, b"MPF\0 40.7163 N"),
        ]
        .concat();
        let tail = b"\xff\xd8\xff\xe1 another picture, taken at 40.7163 N";
        let jpeg = (
            "image/jpeg",
            [&head[..], &app1(&exif(false)), &extra, &body, tail].concat(),
            [&head[..], &app1(&exif(true)), &body].concat(),
        );
        let mark = b"\x89PNG\r\n\x1a\n".to_vec();
        let ihdr = chunk(*b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
        let data = [chunk(*b"pHYs", &[0; 9]), chunk(*b"IDAT", b"data"), chunk(*b"IEND", b"")].concat();
        let noted = |told: &[u8]| if told.is_empty() { Vec::new() } else { chunk(*b"eXIf", told) };
        let said = [chunk(*b"tEXt", b"Comment\x0040.7163 N"), chunk(*b"tIME", &[0; 7])].concat();
        let png = (
            "image/png",
            [&mark[..], &ihdr, &said, &noted(&exif(false)), &data, b"40.7163 N"].concat(),
            [&mark[..], &ihdr, &noted(&exif(true)), &data].concat(),
        );
        let image: (&[u8; 4], &[u8]) = (b"VP8 ", b"\x50\x5a\0\x9d\x01\x2a\x02\0\x02\0");
        let icc: (&[u8; 4], &[u8]) = (b"ICCP", b"colours!");
        let vp8x = |flags: u8| [flags, 0, 0, 0, 1, 0, 0, 1, 0, 0];
        let (before, after) = (exif(false), exif(true));
        let [all, few] = [vp8x(0x2c), vp8x(if after.is_empty() { 0x20 } else { 0x28 })];
        let mut kept = vec![(b"VP8X", &few[..]), icc, image];
        if !after.is_empty() {
            kept.push((b"EXIF", &after));
        }
        let webp = (
            "image/webp",
            riff(&[
                (b"VP8X", &all),
                icc,
                image,
                (b"EXIF", &before),
                (b"XMP ", b"40.7163 N"),
                (b"note", b"40.7163 N"),
            ]),
            riff(&kept),
        );
        [jpeg, png, webp]
    }

    fn upright_note(side: u8) -> Option<Vec<u8>> {
        let note =
            [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[side, 0, 0, 0, 0, 0, 0, 0]].concat();
        (side > 1).then_some(note)
    }

    #[test]
    fn a_picture_says_nothing_but_which_side_is_up() {
        let place = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"40.7163");
        for side in [1, 6] {
            for (media_type, before, after) in pictures(side) {
                assert!(place(&before) && !place(&after));
                let bared =
                    bare(media_type, before.into()).unwrap_or_else(|| panic!("{media_type} is whole"));
                assert!(bared == after, "{media_type} {side}: {bared:02x?}\n{after:02x?}");
                assert_eq!(
                    bare(media_type, after.clone().into()).as_deref(),
                    Some(&*after),
                    "once is enough"
                );
            }
        }
    }

    #[test]
    fn what_ends_too_early_or_is_none_is_no_picture() {
        for (media_type, _, whole) in pictures(6) {
            for end in 0..whole.len() {
                let cut = bare(media_type, whole[..end].to_vec().into());
                assert!(cut.is_none(), "{media_type} of {end} bytes");
            }
            assert!(bare(media_type, Bytes::from_static(b"MZ\x90\0 this is a program")).is_none());
        }
        // Notes that lie about their own places.
        for at in [4, 5, 6, 7, 8, 9, 20] {
            let mut lies = notes(6);
            lies[at] = 0xff;
            orientation(&lies);
        }
        assert_eq!((orientation(&notes(6)), orientation(b"MM\0*\0\0")), (Some(6), None));
    }
}
