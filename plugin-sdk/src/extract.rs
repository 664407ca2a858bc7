//! What a handler's arguments are made from.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::de::value::{Error as ValueError, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserializer, Serialize, forward_to_deserialize_any};

use crate::{Body, Error, IntoResponse, Request, Response};

/// The most that [`Json`], `Bytes` and `String` read; the endpoint's `max_body_bytes` in plugin.yaml is usually lower.
pub const MAX_COLLECTED_BYTES: usize = 64 * 1024 * 1024;

/// An argument of a handler. Arguments are made in order; those that take the body ([`Json`], [`Body`], `Bytes`,
/// `String`, [`Request`]) find it empty when an earlier one took it.
pub trait FromRequest: Sized {
    /// Makes the argument.
    fn from_request(request: &mut Request) -> impl Future<Output = Result<Self, Error>> + Send;
}

/// What the handler macro calls; it names the trait, so that a wrong argument type is reported with it.
#[doc(hidden)]
pub async fn from_request<T: FromRequest>(request: &mut Request) -> Result<T, Error> {
    T::from_request(request).await
}

/// A JSON body in, a JSON answer out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// Path parameters: one value, a tuple in the order of the path, or a struct by name.
///
/// ```
/// # use plugin_sdk::{Path, plugin};
/// # #[derive(Default)] struct Cats;
/// # #[plugin] impl Cats {
/// #[get("/cats/:id")]
/// async fn cat(&self, Path(id): Path<u64>) -> String {
///     format!("cat {id}")
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl FromRequest for Request {
    async fn from_request(request: &mut Request) -> Result<Request, Error> {
        Ok(request.take())
    }
}

impl FromRequest for Body {
    async fn from_request(request: &mut Request) -> Result<Body, Error> {
        Ok(request.take_body())
    }
}

impl FromRequest for Bytes {
    async fn from_request(request: &mut Request) -> Result<Bytes, Error> {
        request.take_body().collect(MAX_COLLECTED_BYTES).await
    }
}

impl FromRequest for String {
    async fn from_request(request: &mut Request) -> Result<String, Error> {
        let bytes = request.take_body().collect(MAX_COLLECTED_BYTES).await?;
        String::from_utf8(bytes.into())
            .map_err(|_| Error::new(StatusCode::BAD_REQUEST, "body_not_text").with_detail("the body is not UTF-8 text"))
    }
}

impl FromRequest for HeaderMap {
    async fn from_request(request: &mut Request) -> Result<HeaderMap, Error> {
        Ok(request.headers())
    }
}

impl FromRequest for Method {
    async fn from_request(request: &mut Request) -> Result<Method, Error> {
        Ok(request.method())
    }
}

impl<T: DeserializeOwned> FromRequest for Json<T> {
    async fn from_request(request: &mut Request) -> Result<Json<T>, Error> {
        let media_type = request.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type != "application/json" && !media_type.ends_with("+json") {
            let detail = format!("the body is `{media_type}`, send `content-type: application/json`");
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_not_json").with_detail(detail));
        }
        let bytes = request.take_body().collect(MAX_COLLECTED_BYTES).await?;
        serde_json::from_slice(&bytes).map(Json).map_err(|error| {
            let (status, code) = match error.is_data() {
                true => (StatusCode::UNPROCESSABLE_ENTITY, "body_does_not_fit"),
                false => (StatusCode::BAD_REQUEST, "body_not_json"),
            };
            Error::new(status, code).with_detail(error.to_string())
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self.0)
    }
}

impl<T: DeserializeOwned> FromRequest for Path<T> {
    async fn from_request(request: &mut Request) -> Result<Path<T>, Error> {
        let params: Vec<(&str, &str)> = request.params().collect();
        T::deserialize(Params(&params)).map(Path).map_err(|error| {
            Error::new(StatusCode::BAD_REQUEST, "path_does_not_fit").with_detail(format!("path parameter: {error}"))
        })
    }
}

// === serde over path parameters ===

/// All parameters of a path.
struct Params<'a>(&'a [(&'a str, &'a str)]);

/// One parameter; numbers and booleans are parsed from its text.
#[derive(Clone, Copy)]
struct Param<'a>(&'a str);

macro_rules! parse {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Param<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
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
        let variant: serde::de::value::StrDeserializer<'_, ValueError> = self.0.into_deserializer();
        variant.deserialize_enum(name, variants, visitor)
    }

    parse! {
        deserialize_bool visit_bool bool, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128, deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64, deserialize_char visit_char char
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for Param<'de> {
    type Deserializer = Param<'de>;

    fn into_deserializer(self) -> Param<'de> {
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

impl<'de> Params<'de> {
    fn only(&self) -> Result<Param<'de>, ValueError> {
        match self.0 {
            [(_, value)] => Ok(Param(value)),
            all => Err(serde::de::Error::custom(format!("one value is wanted, the path has {}", all.len()))),
        }
    }

    fn seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_seq(SeqDeserializer::new(self.0.iter().map(|(_, value)| Param(value))))
    }

    fn map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_map(MapDeserializer::new(self.0.iter().map(|(name, value)| (*name, Param(value)))))
    }
}

impl<'de> Deserializer<'de> for Params<'de> {
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
mod tests {
    use super::*;
    use serde::Deserialize;

    fn read<T: DeserializeOwned>(params: &[(&str, &str)]) -> Result<T, String> {
        T::deserialize(Params(params)).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_fit_values_tuples_and_structs() {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Both {
            n: u8,
            name: String,
        }
        let both = [("name", "zoe"), ("n", "7")];
        assert_eq!(read::<String>(&both[..1]), Ok("zoe".to_owned()));
        assert_eq!(read::<u64>(&both[1..]), Ok(7));
        assert_eq!(read::<(String, u8)>(&both), Ok(("zoe".to_owned(), 7)));
        assert_eq!(read::<Both>(&both), Ok(Both { n: 7, name: "zoe".to_owned() }));
        assert!(read::<u8>(&[("n", "300")]).unwrap_err().contains("300"));
        assert!(read::<u8>(&[("n", "x")]).unwrap_err().contains("u8"));
        assert!(read::<String>(&both).unwrap_err().contains("2"));
    }
}
