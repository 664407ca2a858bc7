use super::*;
use crate::ledger::{ONE_TEST, open_slot};

thread_local! {
    static ENDED: RefCell<Vec<usize>> = const { RefCell::new(vec![]) };
}

unsafe extern "C-unwind" fn end(value: *mut c_void) {
    ENDED.with_borrow_mut(|ended| ended.push(value.addr()));
}

fn value(number: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(number)
}

#[test]
fn a_library_has_its_own_keys_and_each_thread_its_own_values() {
    let _alone = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = open_slot(u64::MAX - 4, "x#4").unwrap();
    let other = open_slot(u64::MAX - 5, "x#5").unwrap();
    let key = create(slot, Some(end)).unwrap();
    let of_other = create(other, Some(end)).unwrap();
    assert!(is_of_library(key) && key != of_other);
    assert!(get(key).is_null());
    assert!(set(key, value(1)) && set(of_other, value(2)));
    std::thread::spawn(move || assert!(get(key).is_null(), "a value of another thread")).join().unwrap();
    assert_eq!([get(key), get(of_other)].map(<*mut c_void>::addr), [1, 2]);

    destroy_values(|owner| std::ptr::eq(owner, slot));
    assert_eq!(ENDED.take(), [1]);
    assert!(get(key).is_null());
    assert_eq!(get(of_other).addr(), 2, "the other library's value stays");

    // The key after the deleted one has its number, but not its value.
    assert!(set(key, value(3)));
    assert!(delete(key) && !delete(key));
    assert!(get(key).is_null() && !set(key, value(4)));
    let next = create(slot, None).unwrap();
    assert!(get(next).is_null());

    assert!(slot.close() && other.close());
    delete_of(slot);
    delete_of(other);
    destroy_values(|_| true);
    assert!(ENDED.take().is_empty(), "no destructor of a closed library");
    slot.free();
    other.free();
    free_values();
}

#[test]
fn each_library_has_as_many_keys_as_a_process() {
    let _alone = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = open_slot(u64::MAX - 6, "x#6").unwrap();
    let other = open_slot(u64::MAX - 7, "x#7").unwrap();
    let of_other = (0..MAX_KEYS_OF_LIBRARY).filter(|_| create(other, None).is_some()).count();
    assert_eq!((of_other, count_of(other)), (MAX_KEYS_OF_LIBRARY, MAX_KEYS_OF_LIBRARY));
    let keys = (0..MAX_KEYS_OF_LIBRARY).map_while(|_| create(slot, None)).collect::<Vec<_>>();
    assert_eq!(keys.len(), MAX_KEYS_OF_LIBRARY);
    assert_eq!(create(slot, None), None);
    assert!(delete(keys[7]));
    assert_eq!(create(slot, None), Some(keys[7]));
    assert!(slot.close() && other.close());
    delete_of(slot);
    assert_eq!((count_of(slot), count_of(other)), (0, MAX_KEYS_OF_LIBRARY));
    delete_of(other);
    other.free();
    assert!(keys.iter().all(|key| !delete(*key)));
    slot.free();
}
