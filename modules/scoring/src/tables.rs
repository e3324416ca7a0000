//! Sums of what small codes are worth: a code a row, and a table of sixteen that says what each is worth.
//!
//! Sums are bytes; whoever adds sees to it that they stay below 256.

#[cfg(target_arch = "x86_64")]
mod x86;

/// What each code below 16 is worth.
pub(crate) type Table = [u8; 16];

/// Adds to every row that has a code what it is worth; codes are below 16.
pub(crate) fn add_up(sums: &mut [u8], codes: &[u8], worth: &Table) {
    // Both end together, so that what is left over of the one is beside what is left over of the other.
    let sums = &mut sums[..codes.len()];
    match pulp::Arch::new() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(simd) => simd.vectorize(x86::AddUpV4(simd, sums, codes, worth)),
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(simd) => simd.vectorize(x86::AddUpV3(simd, sums, codes, worth)),
        _ => one_by_one(sums, codes, worth),
    }
}

fn one_by_one(sums: &mut [u8], codes: &[u8], worth: &Table) {
    for (sum, code) in sums.iter_mut().zip(codes) {
        *sum += worth[usize::from(*code % 16)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_adds_up_alike() {
        let worth: Table = std::array::from_fn(|code| u8::try_from(code * code % 41).unwrap());
        for rows in [0, 1, 63, 64, 65, 200, 1_024] {
            let codes: Vec<u8> = (0..rows).map(|row| u8::try_from(row * 7 % 16).unwrap()).collect();
            let expected: Vec<u8> = codes.iter().map(|code| 3 + worth[usize::from(*code)]).collect();
            let mut sums = vec![3; rows + 100];
            add_up(&mut sums, &codes, &worth);
            assert_eq!(sums[..rows], expected, "as this machine does it");
            assert_eq!(sums[rows..], [3; 100], "rows without a code");
            sums.truncate(rows);
            sums.fill(3);
            one_by_one(&mut sums, &codes, &worth);
            assert_eq!(sums, expected, "one by one");
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                sums.fill(3);
                simd.vectorize(x86::AddUpV3(simd, &mut sums, &codes, &worth));
                assert_eq!(sums, expected, "by 256 bits");
            }
        }
    }
}
