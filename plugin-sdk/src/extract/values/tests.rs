use super::*;
use serde::Deserialize;

fn text<T>(read: Result<T, Error>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}

fn path<T: DeserializeOwned>(params: &[(&str, &str)]) -> Result<T, String> {
    text(read(Shape::Path, params, || Error::new(crate::StatusCode::BAD_REQUEST, "x")))
}

fn form<T: DeserializeOwned>(fields: &[(&str, &str)]) -> Result<T, String> {
    text(read(Shape::Form, fields, || Error::new(crate::StatusCode::BAD_REQUEST, "x")))
}

#[test]
fn parameters_fit_values_tuples_and_structs() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Both {
        n: u8,
        name: String,
    }
    let both = [("name", "zoe"), ("n", "7")];
    assert_eq!(path::<String>(&both[..1]), Ok("zoe".to_owned()));
    assert_eq!(path::<u64>(&both[1..]), Ok(7));
    assert_eq!(path::<(String, u8)>(&both), Ok(("zoe".to_owned(), 7)));
    assert_eq!(path::<Both>(&both), Ok(Both { n: 7, name: "zoe".to_owned() }));
    assert!(path::<u8>(&[("n", "300")]).unwrap_err().contains("300"));
    assert!(path::<u8>(&[("n", "x")]).unwrap_err().contains("u8"));
    assert!(path::<String>(&both).unwrap_err().contains("2"));
}

#[test]
fn a_name_that_comes_several_times_is_a_list_and_nothing_else() {
    #[derive(Deserialize, PartialEq, Debug, Default)]
    #[serde(default)]
    struct Search {
        tag: Vec<String>,
        page: Option<u32>,
        sort: Option<Order>,
    }
    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Up,
    }
    let two = [("tag", "a"), ("page", "2"), ("tag", "b"), ("sort", "up")];
    let found = Search { tag: vec!["a".into(), "b".into()], page: Some(2), sort: Some(Order::Up) };
    assert_eq!(form(&two), Ok(found));
    assert_eq!(form(&two[..1]), Ok(Search { tag: vec!["a".into()], ..Search::default() }));
    assert_eq!(form::<Search>(&[]), Ok(Search::default()));
    assert!(form::<Search>(&[("page", "1"), ("page", "2")]).unwrap_err().contains("2 times"));
    let pairs = vec![("tag".to_owned(), "a".to_owned()), ("page".to_owned(), "2".to_owned())];
    assert_eq!(form(&two[..2]), Ok(pairs));
    assert!(form::<u32>(&two).is_err());
}
