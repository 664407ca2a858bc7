use super::*;

#[test]
fn answers_are_read_whole_or_in_chunks_and_cut_ones_are_none() {
    let whole = HostResponse::read(b"HTTP/1.1 201 Created\r\nX-A: b\r\n\r\nbody").unwrap();
    assert_eq!((whole.status(), whole.header("x-a"), whole.text()), (201, "b", "body".to_owned()));
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    assert_eq!(HostResponse::read(chunked).unwrap().text(), "abcde");
    assert!(HostResponse::read(&chunked[..chunked.len() - 12]).is_none());
    assert!(HostResponse::read(b"HTTP/1.1").is_none());
}
