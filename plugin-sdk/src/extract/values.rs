//! Deserializes named texts with serde: path parameters, queries, forms and headers. Texts carry no type, so numbers
//! and booleans are parsed when the target type requires it.

use std::cell::Cell;
use std::collections::HashMap;

use serde::de::value::{Error as ValueError, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use super::pointer;
use crate::Error;

/// The texts with one name, in order; may be empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Value<'a> {
    first: Option<&'a str>,
    more: Vec<&'a str>,
}

/// The interpretation of named texts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A path: each name occurs once, and the order of the values has a meaning.
    Path,
    /// A form: names may be repeated, in any order.
    Form,
}

/// Named texts in the order of the request.
#[derive(Clone, Copy)]
struct Values<'a> {
    shape: Shape,
    all: &'a [(&'a str, &'a str)],
    /// The name of the value that is being read.
    place: &'a Cell<Option<&'a str>>,
}

/// Deserializes `all` to `T`. An invalid value becomes the error `refused` with the name of the field.
pub(super) fn read<T: DeserializeOwned>(
    shape: Shape,
    all: &[(&str, &str)],
    refused: impl FnOnce() -> Error,
) -> Result<T, Error> {
    let place = Cell::new(None);
    T::deserialize(Values { shape, all, place: &place })
        .map_err(|error| pointer::with_field(refused(), place.get(), error.to_string()))
}

impl<'a> Value<'a> {
    fn one(text: &'a str) -> Value<'a> {
        Value { first: Some(text), more: Vec::new() }
    }

    fn push(&mut self, text: &'a str) {
        match self.first {
            None => self.first = Some(text),
            Some(_) => self.more.push(text),
        }
    }

    fn only(&self) -> Result<&'a str, ValueError> {
        match (self.first, self.more.len()) {
            (Some(text), 0) => Ok(text),
            (Some(_), n) => Err(ValueError::custom(format!("occurs {} times, expected once", n + 1))),
            (None, _) => Err(ValueError::custom("is missing")),
        }
    }
}

impl<'a> FromIterator<&'a str> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Value<'a> {
        let mut value = Value::default();
        texts.into_iter().for_each(|text| value.push(text));
        value
    }
}

macro_rules! parse {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            let text = self.only()?;
            match text.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(text),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if self.more.is_empty() { visitor.visit_borrowed_str(self.only()?) } else { self.deserialize_seq(visitor) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if self.first.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_seq(SeqDeserializer::new(self.first.into_iter().chain(self.more).map(Value::one)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let variant: StrDeserializer<'_, ValueError> = self.only()?.into_deserializer();
        variant.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_bytes(self.only()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_str(self.only()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    parse! {
        deserialize_bool visit_bool bool, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128, deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64, deserialize_char visit_char char,
    }

    forward_to_deserialize_any! { unit_struct map struct identifier ignored_any }
}

impl<'de> IntoDeserializer<'de, ValueError> for Value<'de> {
    type Deserializer = Value<'de>;

    fn into_deserializer(self) -> Value<'de> {
        self
    }
}

macro_rules! only {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            self.only()?.$method(visitor)
        }
    )*};
}

impl<'de> Values<'de> {
    /// The value of a path with a single parameter.
    fn only(self) -> Result<Value<'de>, ValueError> {
        match (self.shape, self.all) {
            (Shape::Path, [(name, text)]) => {
                self.place.set(Some(name));
                Ok(Value::one(text))
            }
            (Shape::Path, all) => {
                Err(ValueError::custom(format!("expected one value, but the path has {}", all.len())))
            }
            (Shape::Form, _) => Err(ValueError::custom("expected a struct or a map")),
        }
    }

    /// Iterates over `values`, recording the one being read, and none after the last.
    fn tracked<T>(self, values: impl Iterator<Item = (&'de str, T)>) -> impl Iterator<Item = (&'de str, T)> {
        values.map(Some).chain([None]).map_while(move |value| {
            self.place.set(value.as_ref().map(|(name, _)| *name));
            value
        })
    }

    fn pairs(self) -> impl Iterator<Item = (&'de str, Value<'de>)> {
        self.tracked(self.all.iter().map(|(name, text)| (*name, Value::one(text))))
    }

    fn map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.shape {
            Shape::Path => visitor.visit_map(MapDeserializer::new(self.pairs())),
            Shape::Form => visitor.visit_map(MapDeserializer::new(self.tracked(self.groups().into_iter()))),
        }
    }

    /// Groups the values by name, in the order of the names' first occurrence.
    fn groups(self) -> Vec<(&'de str, Value<'de>)> {
        let mut groups: Vec<(&str, Value<'_>)> = Vec::new();
        // A map, since a caller may send as many names as fit into the body.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (name, text) in self.all {
            let place = *places.entry(name).or_insert_with(|| {
                groups.push((name, Value::default()));
                groups.len() - 1
            });
            groups[place].1.push(text);
        }
        groups
    }

    fn seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.shape {
            Shape::Path => visitor.visit_seq(SeqDeserializer::new(self.pairs().map(|(_, value)| value))),
            Shape::Form => visitor.visit_seq(MapDeserializer::new(self.pairs())),
        }
    }
}

impl<'de> Deserializer<'de> for Values<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    only! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_identifier
    }

    forward_to_deserialize_any! { unit_struct ignored_any }
}

#[cfg(test)]
mod tests;
