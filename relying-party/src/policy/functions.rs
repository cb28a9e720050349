//! The functions that expressions may call: CEL's own, and ours.
//!
//! The string functions behave as in cel-go's strings extension; they are written here because their results are bounded.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cel::common::types::{
    BYTES_TYPE, CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
    DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::Value;

use super::{budget, pattern};

/// The longest text that one of these functions makes (bytes): longer than any header that a backend accepts.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// A function that expressions may call, and with how many arguments.
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// Arguments in `f(x, …)`.
    pub(super) as_function: &'static [usize],
    /// Arguments in `x.f(…)`, `x` not counted.
    pub(super) as_method: &'static [usize],
}

const fn signature(name: &'static str, as_function: &'static [usize], as_method: &'static [usize]) -> Signature {
    Signature { name, as_function, as_method }
}

/// Everything that can be called. Macros are here for the sake of messages: the parser has expanded those that fit.
pub(super) const SIGNATURES: &[Signature] = &[
    signature("all", &[], &[]),
    signature("base64url", &[1], &[0]),
    signature("bool", &[1], &[]),
    signature("bytes", &[1], &[]),
    signature("contains", &[], &[1]),
    signature("double", &[1], &[]),
    signature("dyn", &[1], &[]),
    signature("endsWith", &[], &[1]),
    signature("exists", &[], &[]),
    signature("exists_one", &[], &[]),
    signature("filter", &[], &[]),
    signature("has", &[], &[]),
    signature("int", &[1], &[]),
    signature("join", &[], &[0, 1]),
    signature("json", &[1], &[0]),
    signature("lowerAscii", &[], &[0]),
    signature("map", &[], &[]),
    signature("matches", &[2], &[1]),
    signature("percentEncode", &[1], &[0]),
    signature("replace", &[], &[2, 3]),
    signature("size", &[1], &[0]),
    signature("split", &[], &[1, 2]),
    signature("startsWith", &[], &[1]),
    signature("string", &[1], &[]),
    signature("substring", &[], &[1, 2]),
    signature("trim", &[], &[0]),
    signature("type", &[1], &[]),
    signature("uint", &[1], &[]),
    signature("upperAscii", &[], &[0]),
];

/// The environment in which all expressions are compiled and evaluated.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib().with_optional_support(false);
        // A declaration fails only when it is made twice; a test calls every function.
        let _ = declare(&mut env);
        Arc::new(env)
    });
    &ENVIRONMENT
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    budget::declare(env)?;
    let mut method = |name: &str, target: Type, args: Vec<Type>, op| {
        let id = format!("{}.{name}/{}", target.name(), args.len());
        env.add_member_overload(name, &id, target, args, op)
    };
    method("join", LIST_TYPE, vec![], join)?;
    method("join", LIST_TYPE, vec![STRING_TYPE], join)?;
    method("split", STRING_TYPE, vec![STRING_TYPE], split)?;
    method("split", STRING_TYPE, vec![STRING_TYPE, INT_TYPE], split)?;
    method("lowerAscii", STRING_TYPE, vec![], |args| Ok(text(string(&args, 0)?.to_ascii_lowercase())))?;
    method("upperAscii", STRING_TYPE, vec![], |args| Ok(text(string(&args, 0)?.to_ascii_uppercase())))?;
    method("trim", STRING_TYPE, vec![], |args| Ok(text(string(&args, 0)?.trim().to_owned())))?;
    method("replace", STRING_TYPE, vec![STRING_TYPE, STRING_TYPE], replace)?;
    method("replace", STRING_TYPE, vec![STRING_TYPE, STRING_TYPE, INT_TYPE], replace)?;
    method("substring", STRING_TYPE, vec![INT_TYPE], substring)?;
    method("substring", STRING_TYPE, vec![INT_TYPE, INT_TYPE], substring)?;
    for target in [STRING_TYPE, BYTES_TYPE] {
        method("base64url", target.to_owned(), vec![], base64url)?;
        method("percentEncode", target, vec![], percent_encode)?;
    }
    method("matches", STRING_TYPE, vec![STRING_TYPE], matches)?;
    method("json", DYN_TYPE, vec![], json)?;
    for argument in [STRING_TYPE, BYTES_TYPE] {
        env.add_overload(
            "base64url",
            &format!("base64url({})", argument.name()),
            vec![argument.to_owned()],
            base64url,
        )?;
        env.add_overload(
            "percentEncode",
            &format!("percentEncode({})", argument.name()),
            vec![argument],
            percent_encode,
        )?;
    }
    env.add_overload("matches", "matches(string, string)", vec![STRING_TYPE, STRING_TYPE], matches)?;
    env.add_overload("json", "json(dyn)", vec![DYN_TYPE], json)
}

/// `string.matches(pattern)`: somewhere in the string. The pattern is a literal that was compiled before.
fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let found = pattern::is_match(string(&args, 1)?, string(&args, 0)?);
    found
        .map(|found| CowVal::owned(CelBool::from(found)))
        .map_err(|error| ExecutionError::function_error("matches", error))
}

/// `list.join(separator)`; without one the elements follow each other.
fn join<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let separator = if args.len() > 1 { string(&args, 1)? } else { "" };
    let list = args.first().and_then(|list| list.as_iterable()).ok_or_else(wrong_type)?;
    let mut items = list.iter();
    let mut joined = String::new();
    let mut first = true;
    while let Some(item) = items.next() {
        if !std::mem::take(&mut first) {
            joined.push_str(separator);
        }
        joined.push_str(item.downcast_ref::<CelString<'_>>().ok_or_else(wrong_type)?.inner());
        bounded(joined.len())?;
    }
    Ok(text(joined))
}

/// `string.split(separator, limit)`: at most `limit` parts, the last with the rest; a negative limit is none.
fn split<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let whole = string(&args, 0)?;
    let separator = string(&args, 1)?;
    let limit = if args.len() > 2 { int(&args, 2)? } else { -1 };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = Some(whole).filter(|_| limit > 0);
    while let Some(whole) = rest {
        // An empty separator splits between characters.
        let cut = if separator.is_empty() {
            whole.chars().next().map(|first| whole.split_at(first.len_utf8())).filter(|(_, rest)| !rest.is_empty())
        } else {
            whole.split_once(separator)
        };
        let (part, remainder) = match cut {
            Some((part, remainder)) if parts.len().saturating_add(1) < limit => (part, Some(remainder)),
            _ => (whole, None),
        };
        if !(separator.is_empty() && part.is_empty()) {
            parts.push(part);
        }
        rest = remainder;
    }
    let parts: Vec<Box<dyn Val + 'v>> =
        parts.into_iter().map(|part| Box::new(CelString::from(part.to_owned())) as Box<dyn Val + 'v>).collect();
    Ok(CowVal::owned(CelList::from(parts)))
}

/// `string.replace(old, new, limit)`; a negative limit is none.
fn replace<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (whole, old, new) = (string(&args, 0)?, string(&args, 1)?, string(&args, 2)?);
    let limit = if args.len() > 3 { int(&args, 3)? } else { -1 };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let replacements = whole.matches(old).take(limit).count();
    bounded(replacements.saturating_mul(new.len()).saturating_add(whole.len()))?;
    Ok(text(whole.replacen(old, new, limit)))
}

/// `string.substring(start, end)` in characters.
fn substring<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let whole = string(&args, 0)?;
    let length = whole.chars().count();
    let position = |index| usize::try_from(int(&args, index)?).map_err(|_| out_of_range());
    let start = position(1)?;
    let end = if args.len() > 2 { position(2)? } else { length };
    let count = end.checked_sub(start).filter(|_| end <= length).ok_or_else(out_of_range)?;
    Ok(text(whole.chars().skip(start).take(count).collect()))
}

/// Base64 with the URL-safe alphabet, without padding (RFC 4648 §5).
fn base64url<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(text(URL_SAFE_NO_PAD.encode(octets(&args)?)))
}

/// Escapes everything that is not unreserved (RFC 3986 §2.3).
fn percent_encode<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    Ok(text(percent_encoding::percent_encode(octets(&args)?, RESERVED).to_string()))
}

/// Any value as JSON (RFC 8259), without white space, members sorted by name.
fn json<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = args.first().ok_or_else(wrong_type)?;
    let json = to_json(value.as_ref())?.to_string();
    bounded(json.len())?;
    Ok(text(json))
}

fn to_json(value: &dyn Val) -> Result<Value, ExecutionError> {
    if let Some(string) = value.downcast_ref::<CelString<'_>>() {
        return Ok(Value::from(string.inner()));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().map(|item| to_json(item.as_ref())).collect();
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return map.inner().iter().map(|(key, value)| Ok((json_name(key), to_json(value.as_ref())?))).collect();
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        return Ok(Value::from(STANDARD.encode(bytes.inner())));
    }
    let scalar = [
        value.downcast_ref::<CelBool>().map(|bool| Value::from(*bool.inner())),
        value.downcast_ref::<CelInt>().map(|int| Value::from(*int.inner())),
        value.downcast_ref::<CelUInt>().map(|uint| Value::from(*uint.inner())),
        value.downcast_ref::<CelDouble>().map(|double| Value::from(*double.inner())),
        value.downcast_ref::<CelNull>().map(|_| Value::Null),
    ];
    scalar.into_iter().flatten().next().ok_or_else(wrong_type)
}

fn json_name(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(key) => key.inner().to_string(),
        CelMapKey::Int(key) => key.inner().to_string(),
        CelMapKey::UInt(key) => key.inner().to_string(),
        CelMapKey::String(key) => key.inner().to_owned(),
    }
}

fn text<'b, 'v>(text: String) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(text))
}

fn string<'a>(args: &'a [CowVal<'_, '_>], index: usize) -> Result<&'a str, ExecutionError> {
    args.get(index)
        .and_then(|arg| arg.downcast_ref::<CelString<'_>>())
        .map(|string| string.inner())
        .ok_or_else(wrong_type)
}

fn int(args: &[CowVal<'_, '_>], index: usize) -> Result<i64, ExecutionError> {
    args.get(index).and_then(|arg| arg.downcast_ref::<CelInt>()).map(|int| *int.inner()).ok_or_else(wrong_type)
}

fn octets<'a>(args: &'a [CowVal<'_, '_>]) -> Result<&'a [u8], ExecutionError> {
    match args.first().and_then(|arg| arg.downcast_ref::<CelBytes<'_>>()) {
        Some(bytes) => Ok(bytes.inner()),
        None => string(args, 0).map(str::as_bytes),
    }
}

fn bounded(length: usize) -> Result<(), ExecutionError> {
    if length <= MAX_TEXT { Ok(()) } else { Err(failed("the text is too long")) }
}

fn wrong_type() -> ExecutionError {
    failed("wrong type")
}

fn out_of_range() -> ExecutionError {
    failed("out of range")
}

fn failed(why: &'static str) -> ExecutionError {
    ExecutionError::function_error("", why)
}

#[cfg(test)]
mod tests {
    use crate::policy::expression::tests::text;

    #[test]
    fn every_function_works() {
        for (source, expected) in [
            ("['a', 'b'].join()", "ab"),
            ("'a,b,,c'.split(',').join('|')", "a|b||c"),
            ("'a,b,c'.split(',', 2).join('|')", "a|b,c"),
            ("string('a,b'.split(',', 0).size())", "0"),
            ("'a,b,c'.split(',', -1).join('|')", "a|b|c"),
            ("'åbc'.split('').join('|')", "å|b|c"),
            ("'åbc'.split('', 2).join('|')", "å|bc"),
            ("string(''.split('').size())", "0"),
            ("string(''.split(',').size())", "1"),
            ("'Å-ABc'.lowerAscii()", "Å-abc"),
            ("'å-abC'.upperAscii()", "å-ABC"),
            ("'aaa'.replace('a', 'b')", "bbb"),
            ("'aaa'.replace('a', 'b', 2)", "bba"),
            ("'aaa'.replace('a', 'b', -1)", "bbb"),
            ("'aaa'.replace('a', 'b', 0)", "aaa"),
            ("'ab'.replace('', '-')", "-a-b-"),
            ("'åbcd'.substring(1)", "bcd"),
            ("'åbcd'.substring(1, 3)", "bc"),
            ("'åbcd'.substring(4)", ""),
            ("'  a b '.trim()", "a b"),
            ("base64url('a?>')", "YT8-"),
            ("b'\\xff'.base64url()", "_w"),
            ("percentEncode('a b/å~')", "a%20b%2F%C3%A5~"),
            ("claims.name.percentEncode()", "%C3%85sa%20%C3%96st"),
            ("json(claims.address)", r#"{"country":"SE","lines":["a","b"]}"#),
            (
                "[1, 2u, 1.5, true, null, b'a', {1: 'x', true: 2}].json()",
                r#"[1,2,1.5,true,null,"YQ==",{"1":"x","true":2}]"#,
            ),
            ("string(size(claims.groups)) + string('abc'.matches('^a.c$'))", "2true"),
        ] {
            assert_eq!(text(source).as_deref(), Some(expected), "{source}");
        }
        for fails in [
            "'abc'.substring(2, 1)",
            "'abc'.substring(4)",
            "'abc'.substring(-1)",
            "'abc'.substring(0, 4)",
            "[1].join(',')",
        ] {
            assert_eq!(text(fails), None, "{fails}");
        }
    }
}
