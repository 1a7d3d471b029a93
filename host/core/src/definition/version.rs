//! Versions of workflows: semantic versioning.

/// Whether `text` is a version by Semantic Versioning 2.0.0, such as `1.2.0` or `2.0.0-beta.1`.
pub fn is_version(text: &str) -> bool {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let numbers: Vec<_> = core.split('.').collect();
    text.len() <= 64
        && numbers.len() == 3
        && numbers.iter().all(|number| is_number(number))
        && pre.is_none_or(|pre| pre.split('.').all(|part| is_part(part) && !has_leading_zero(part)))
        && build.is_none_or(|build| build.split('.').all(is_part))
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 10
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !has_leading_zero(text)
}

/// Whether `text` is a number that begins with a zero too many.
fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        for good in
            ["0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha.1", "1.0.0-0a", "1.0.0+b.01", "1.0.0-x-y+z"]
        {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.x", "1.0.0-", "1.0.0-01", "1.0.0+",
            " 1.0.0",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
