//! Passwords that are guessed first: common words with the usual decorations, runs of the keyboard or
//! the alphabet, and the owner's own name. A list of the most used passwords is little more than these
//! words in their variations, so the variations are undone rather than listed.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::Invalid;

/// Fewest characters.
pub const MIN_CHARS: usize = 8;
/// Most characters; more only costs hashing time.
pub const MAX_CHARS: usize = 256;
/// What must remain of a password when the owner's name is taken out of it.
const MIN_CHARS_BESIDES_NAME: usize = 6;
/// A shorter word of a name is in too many innocent passwords.
const MIN_NAME_WORD_CHARS: usize = 4;

static WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_words.txt").split_whitespace().collect());

const RUNS: [&str; 8] = [
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// Checks a new password against the rules; `own` are the owner's name and e-mail address.
pub fn check(password: &str, own: &[&str]) -> Result<(), Invalid> {
    let length = password.chars().count();
    if length < MIN_CHARS {
        return Err(Invalid(
            "must have at least 8 characters; a sentence of four words is better",
        ));
    }
    if length > MAX_CHARS {
        return Err(Invalid("must have at most 256 characters"));
    }
    if password.contains('\0') {
        return Err(Invalid("must not contain NUL characters"));
    }
    let lower = password.to_lowercase();
    if is_common(&lower) {
        return Err(Invalid(
            "is among the first that are guessed; choose a sentence of four words or a generated one",
        ));
    }
    if is_own(&lower, own) {
        return Err(Invalid(
            "is too close to your name or e-mail address; choose something else",
        ));
    }
    Ok(())
}

fn is_common(lower: &str) -> bool {
    let distinct: HashSet<char> = lower.chars().collect();
    distinct.len() <= 3 || is_run(lower) || is_word(lower)
}

/// A piece of keyboard or alphabet, perhaps repeated, perhaps with a decoration.
fn is_run(lower: &str) -> bool {
    let alphanumeric: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let others = lower.chars().count() - alphanumeric.len();
    let core = unrepeated(&alphanumeric);
    others <= 3 && core.len() >= 4 && RUNS.iter().any(|run| run.contains(core))
}

/// A common word, in one or more copies, with letters written as digits, with digits and signs around it.
fn is_word(lower: &str) -> bool {
    let trimmed = lower.trim_matches(|c: char| !c.is_alphabetic());
    let leet = lower.trim_matches(|c: char| !c.is_alphanumeric() && !"@$!".contains(c));
    let leet_tail = leet.trim_end_matches(|c: char| c.is_ascii_digit() || !c.is_alphanumeric());
    [trimmed, leet, leet_tail].into_iter().any(|core| {
        let letters: String = core.chars().map(letter).filter(|c| c.is_alphanumeric()).collect();
        WORDS.contains(unrepeated(&letters)) && !letters.is_empty()
    })
}

/// Undoes the usual replacements of letters.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// `abcabc` is `abc`.
fn unrepeated(text: &str) -> &str {
    let sizes =
        (1..=text.len() / 2).filter(|size| text.len().is_multiple_of(*size) && text.is_char_boundary(*size));
    sizes
        .map(|size| &text[..size])
        .find(|part| part.repeat(text.len() / part.len()) == text)
        .unwrap_or(text)
}

fn is_own(lower: &str, own: &[&str]) -> bool {
    let mut rest = lower.to_owned();
    for words in own {
        for word in words.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
            if word.chars().count() >= MIN_NAME_WORD_CHARS {
                rest = rest.replace(word, "");
            }
        }
    }
    rest.len() < lower.len() && rest.chars().count() < MIN_CHARS_BESIDES_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_passwords_are_refused() {
        let usual = [
            "password",
            "Password1!",
            "P@ssw0rd",
            "p4ssw0rd2024",
            "passwordpassword",
            "12345678",
            "123456789012",
            "qwertyuiop",
            "Qwerty123!",
            "1q2w3e4r",
            "aaaaaaaa",
            "abcabcabc",
            "Summer2024!",
            "iloveyou1",
            "letmein123",
            "admin123!",
            "changeme",
            "abcdefgh",
            "11111111",
            "Welcome2025",
            "monkey!!!",
            "1qaz2wsx",
            "!!dragon!!",
        ];
        for password in usual {
            assert!(check(password, &[]).is_err(), "{password}");
        }
    }

    #[test]
    fn the_owners_name_is_no_password() {
        let own = ["Ada Lovelace", "ada.lovelace@analytical.example"];
        for password in ["lovelace1", "Ada-Lovelace!", "lovelace2026", "AnalyticalX1"] {
            assert!(check(password, &own).is_err(), "{password}");
        }
        assert!(check("lovelace wrote the first program", &own).is_ok());
    }

    #[test]
    fn sentences_generated_and_non_latin_passwords_are_fine() {
        let long = "é".repeat(40) + "correct horse";
        let fine = [
            "correct horse battery",
            "tr0ub4dor&3x",
            "x7#Kp2!vQz",
            "пароль-не-угадать",
            "rainy tuesday in lisbon",
            &long,
        ];
        for password in fine {
            assert!(check(password, &["Ada"]).is_ok(), "{password}");
        }
    }

    #[test]
    fn too_short_and_too_long_are_refused() {
        assert!(check("x7#Kp2!", &[]).is_err());
        assert!(check(&"x7#Kp2!v".repeat(33), &[]).is_err());
    }
}
