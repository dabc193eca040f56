//! Just enough JSON: texts out of objects, texts into objects; and base64.

/// The text value of the first `key` in `json`, at any depth.
pub fn text_field(json: &str, key: &str) -> Option<String> {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let (text, after) = read_text(&rest[start + 1..])?;
        rest = after;
        let Some(value) = rest.trim_start().strip_prefix(':') else {
            continue;
        };
        rest = value;
        if text == key {
            return read_text(value.trim_start().strip_prefix('"')?).map(|(text, _)| text);
        }
    }
    None
}

/// A quoted JSON text.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Decodes standard base64; padding and line breaks don't matter.
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
    {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Reads a text up to its closing quote; returns it and what comes after.
fn read_text(json: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = json.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Some((text, &json[index + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other => text.push(other),
            },
            c => text.push(c),
        }
    }
    None
}
