//! The tree of a document, its members in their order: what can be JSON, and nothing else.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Number;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number
    Number(Number),
    /// A string
    Text(String),
    /// A list
    List(Vec<Self>),
    /// A mapping: every member as written, repeated ones included; the core refuses them.
    Mapping(Vec<(String, Self)>),
}

impl Tree {
    /// The member of a mapping.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The value at a path such as `providers[0].client_secret.env`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').filter(|part| !part.is_empty()).try_fold(self, |tree, part| {
            let mut parts = part.split('[');
            let member = tree.member(parts.next()?)?;
            parts.try_fold(member, |list, index| list.items().get(index.strip_suffix(']')?.parse::<usize>().ok()?))
        })
    }

    /// The members of a mapping; none of anything else.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Mapping(members) => members,
            _ => &[],
        }
    }

    /// The member of a mapping, to change it.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Mapping(members) => members.iter_mut().find(|(member, _)| member == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The items of a list, to change them.
    pub fn items_mut(&mut self) -> &mut [Self] {
        match self {
            Self::List(items) => items,
            _ => &mut [],
        }
    }

    /// Puts a member into a mapping, in place of one of that name, otherwise behind the one called `after`.
    pub fn set(&mut self, name: &str, after: &str, value: Self) {
        let Self::Mapping(members) = self else { return };
        if let Some((_, old)) = members.iter_mut().find(|(member, _)| member == name) {
            *old = value;
            return;
        }
        let place = members
            .iter()
            .position(|(member, _)| member == after)
            .map_or(members.len(), |place| place.saturating_add(1));
        members.insert(place, (name.to_owned(), value));
    }

    /// Takes a member out of a mapping.
    pub fn remove(&mut self, name: &str) {
        if let Self::Mapping(members) = self {
            members.retain(|(member, _)| member != name);
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Mapping(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
