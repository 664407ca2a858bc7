use super::*;

/// Returns its chunks one by one and records how many were read.
struct Chunks {
    chunks: std::vec::IntoIter<Vec<u8>>,
    taken: Arc<AtomicU64>,
}

impl Stream for Chunks {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = self.chunks.next();
        self.taken.fetch_add(u64::from(chunk.is_some()), Ordering::Relaxed);
        Poll::Ready(chunk.map(|chunk| Ok(chunk.into())))
    }
}

async fn form(chunks: Vec<Vec<u8>>) -> (Multipart, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let body = Body::from_stream(Chunks { chunks: chunks.into_iter(), taken: taken.clone() });
    let headers = [("content-type", "multipart/form-data; boundary=XX")];
    let mut request = Request::sample("POST", "/", &[], &headers, body);
    (Multipart::from_request(&mut request).await.unwrap(), taken)
}

const TWO: &str = "--XX\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\none\r\n\
    --XX\r\ncontent-disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\ncontent-type: text/plain\r\n\r\ntwo\r\n--XX--\r\n";

#[test]
fn fields_come_one_by_one_however_the_body_is_cut() {
    crate::test_block_on(async {
        for size in [1, 7, 1000] {
            let (mut form, _) = form(TWO.as_bytes().chunks(size).map(<[u8]>::to_vec).collect()).await;
            let first = form.next_field().await.unwrap().unwrap();
            assert_eq!((first.name(), first.file_name(), first.content_type()), (Some("a"), None, None));
            assert_eq!(first.text(10).await.unwrap(), "one");
            let second = form.next_field().await.unwrap().unwrap();
            assert_eq!((second.name(), second.file_name()), (Some("b"), Some("b.txt")));
            assert_eq!(second.content_type(), Some("text/plain"));
            // The field is skipped unread.
            assert!(form.next_field().await.unwrap().is_none());
        }
    });
}

#[test]
fn the_body_is_read_no_further_than_the_handler_has_come() {
    crate::test_block_on(async {
        let head = b"--XX\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n".to_vec();
        let mut chunks = vec![head];
        chunks.extend((0..100).map(|_| vec![b'x'; 1000]));
        let (mut form, taken) = form(chunks).await;
        let mut field = form.next_field().await.unwrap().unwrap();
        assert_eq!(field.chunk().await.unwrap().unwrap().len(), 1000);
        assert!(taken.load(Ordering::Relaxed) <= 4, "{taken:?} chunks were taken");
    });
}

#[test]
fn forms_over_a_limit_and_invalid_forms_are_refused() {
    crate::test_block_on(async {
        let (form_, _) = form(vec![TWO.into()]).await;
        let mut few = form_.with_limits(|limits| limits.max_fields = 1);
        few.next_field().await.unwrap();
        assert_eq!(few.next_field().await.unwrap_err().status(), 413);

        let (form_, _) = form(vec![TWO.into()]).await;
        let mut small = form_.with_limits(|limits| limits.max_field_bytes = 2);
        assert_eq!(small.next_field().await.unwrap().unwrap().chunk().await.unwrap_err().status(), 413);

        let (mut small, _) = form(vec![TWO.into()]).await;
        assert_eq!(small.next_field().await.unwrap().unwrap().bytes(2).await.unwrap_err().status(), 413);

        let mut endless = vec![b"--XX\r\nx-long: ".to_vec()];
        endless.extend((0..10_000).map(|_| vec![b'x'; 1000]));
        let (mut endless, taken) = form(endless).await;
        assert_eq!(endless.next_field().await.unwrap_err().status(), 413);
        assert!(taken.load(Ordering::Relaxed) < 30, "{taken:?} chunks were taken");

        for cut in [&TWO[..56], "no form at all", ""] {
            let (mut cut, _) = form(vec![cut.into()]).await;
            let error = match cut.next_field().await {
                Ok(Some(field)) => field.bytes(100).await.unwrap_err(),
                Ok(None) => panic!("an end where none is"),
                Err(error) => error,
            };
            assert_eq!((error.status().as_u16(), error.code()), (400, "body_not_multipart"));
        }
    });
}
