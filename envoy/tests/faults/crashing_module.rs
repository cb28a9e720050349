//! The module under test, which has no way to crash, with one: a piece of a request's body of a certain length.
//!
//! A function is appended that traps for that length and otherwise calls the callback that the module exports; the export then leads
//! to it. Everything else is the released module, byte for byte (WebAssembly core specification, section 5.5).

use std::path::{Path, PathBuf};

/// The length that crashes it.
pub const FATAL: usize = 6_661;
const CALLBACK: &[u8] = b"proxy_on_request_body";

const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// Writes it into `folder`.
pub fn write(module: &Path, folder: &Path) -> PathBuf {
    let path = folder.join("crashing.wasm");
    let bytes = std::fs::read(module).expect("the module");
    std::fs::write(&path, crashing(&bytes)).expect("a file");
    path
}

fn crashing(module: &[u8]) -> Vec<u8> {
    let sections = sections(module);
    let section = |id: u8| sections.iter().find(|(of, _)| *of == id).expect("a section").1;
    let imported = imported_functions(section(IMPORTS));
    let (defined, types) = number(section(FUNCTIONS));
    let (at, original) = exported(section(EXPORTS));
    let kind = numbers(types).nth(original - imported).expect("the callback's type");
    let mut made = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in &sections {
        let content = match *id {
            FUNCTIONS => with_one_more(content, &encoded(kind)),
            CODE => with_one_more(content, &trap(original)),
            EXPORTS => {
                let mut content = content.to_vec();
                content.splice(at..at + encoded(original).len(), encoded(imported + defined));
                content
            }
            _ => content.to_vec(),
        };
        made.push(*id);
        made.extend(encoded(content.len()));
        made.extend(content);
    }
    made
}

/// `if size == FATAL { unreachable } original(context, size, end_of_stream)`
fn trap(original: usize) -> Vec<u8> {
    let fatal = [0x80 | (FATAL & 0x7f) as u8, (FATAL >> 7) as u8];
    let mut code = vec![0x00, 0x20, 0x01, 0x41, fatal[0], fatal[1], 0x46, 0x04, 0x40, 0x00, 0x0b];
    code.extend([0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0x10]);
    code.extend(encoded(original));
    code.push(0x0b);
    [encoded(code.len()), code].concat()
}

fn sections(module: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = &module[8..];
    let mut sections = Vec::new();
    while let [id, after @ ..] = rest {
        let (length, content) = number(after);
        sections.push((*id, &content[..length]));
        rest = &content[length..];
    }
    sections
}

/// All imports of the module are functions.
fn imported_functions(section: &[u8]) -> usize {
    let (count, mut rest) = number(section);
    for _ in 0..count {
        for _ in 0..2 {
            let (length, name) = number(rest);
            rest = &name[length..];
        }
        assert_eq!(rest[0], 0, "an import that is no function");
        rest = number(&rest[1..]).1;
    }
    count
}

/// Where the index of the callback stands in the section of exports, and which it is.
fn exported(section: &[u8]) -> (usize, usize) {
    let (count, mut rest) = number(section);
    for _ in 0..count {
        let (length, name) = number(rest);
        let (index, after) = number(&name[length + 1..]);
        if &name[..length] == CALLBACK {
            return (section.len() - name.len() + length + 1, index);
        }
        rest = after;
    }
    panic!("the module exports no such callback")
}

fn with_one_more(section: &[u8], item: &[u8]) -> Vec<u8> {
    let (count, items) = number(section);
    [&encoded(count + 1), items, item].concat()
}

/// The first of several LEB128 numbers, and what follows it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number") + 1;
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, &bytes[length..])
}

fn numbers(mut bytes: &[u8]) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let (value, rest) = number(bytes);
        bytes = rest;
        Some(value)
    })
}

fn encoded(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
