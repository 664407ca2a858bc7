use super::*;
use crate::model::Failed;

#[test]
fn a_refused_batch_lists_all_problems() {
    let id = || "hello".to_owned();
    let unload = |keep_data| Operation::Unload { id: id(), keep_data, cascade: false };
    let says = |operations: &[Operation], atomic| match check_batch(operations, atomic) {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            Failed::from_error(&error).problems.iter().map(|p| format!("{}: {}\n", p.field, p.message)).collect()
        }
    };
    assert_eq!(says(&[unload(true), Operation::Reload { id: id() }], true), "ok");
    assert_eq!(says(&[unload(false)], false), "ok");
    let nested = Operation::Batch { operations: vec![], atomic: true };
    expect_test::expect![[r#"
        operations[0]: `operations[0]`: the data of the plugin would be removed, which cannot be undone
        operations[1]: `operations[1]`: a batch cannot contain a batch or a plan
        operations[2]: `operations[2]`: no plugin `../x` is installed
    "#]]
    .assert_eq(&says(&[unload(false), nested, Operation::Reload { id: "../x".to_owned() }], true));
    expect_test::expect![[r#"
        operations: `operations`: a batch must have 1 to 100 operations, found 0
    "#]]
    .assert_eq(&says(&[], true));
    expect_test::expect![[r#"
        operations: `operations`: a batch must have 1 to 100 operations, found 101
    "#]]
    .assert_eq(&says(&vec![unload(true); 101], true));
}
