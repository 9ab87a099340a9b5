//! Lists a page at a time.

use tonic::Status as GrpcStatus;

use super::invalid;

/// How many items a page has if the caller names no number, and at most.
const MAX_PAGE: usize = 1_000;

/// A page of a list, and where the next one begins.
pub(in crate::edge::grpc) struct Page<T> {
    pub(in crate::edge::grpc) items: Vec<T>,
    /// Empty on the last page.
    pub(in crate::edge::grpc) next: String,
    /// How many items there are in all.
    pub(in crate::edge::grpc) total: usize,
}

/// A token that no page ended with.
#[derive(Debug, thiserror::Error)]
#[error("is not a page token of this list")]
struct BadToken;

/// One page of at most `size` items (0: [`MAX_PAGE`]). The list is in the order of its keys, and a page ends with the key that
/// is the token of the next one: what comes or goes meanwhile neither repeats nor hides another item.
pub(in crate::edge::grpc) fn page<T, K>(
    mut list: Vec<T>,
    size: u32,
    token: &str,
    key: impl Fn(&T) -> K,
) -> Result<Page<T>, GrpcStatus>
where
    K: PartialOrd + ToString + std::str::FromStr,
{
    let total = list.len();
    if !token.is_empty() {
        let after: K = token
            .parse()
            .map_err(|_| invalid("page_token", &BadToken))?;
        let begin = list.partition_point(|item| key(item) <= after);
        list.drain(..begin);
    }
    let size = match usize::try_from(size) {
        Ok(size @ 1..) => size.min(MAX_PAGE),
        _ => MAX_PAGE,
    };
    let more = list.len() > size;
    list.truncate(size);
    let last = list.last().filter(|_| more);
    Ok(Page {
        next: last.map(|last| key(last).to_string()).unwrap_or_default(),
        items: list,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[u32], size: u32, token: &str) -> (Vec<u32>, String) {
        let page = page(list.to_vec(), size, token, |it| *it).unwrap();
        (page.items, page.next)
    }

    #[test]
    fn pages_join_to_the_list_and_the_last_has_no_token() {
        assert_eq!(read(&[1, 2, 3], 0, ""), (vec![1, 2, 3], String::new()));
        assert_eq!(read(&[1, 2, 3], 2, ""), (vec![1, 2], "2".into()));
        assert_eq!(read(&[1, 2, 3], 2, "2"), (vec![3], String::new()));
        let long: Vec<u32> = (1..=1_001).collect();
        for size in [0, 1_000, 5_000] {
            assert_eq!(
                read(&long, size, ""),
                (long[..1_000].to_vec(), "1000".into())
            );
        }
        assert_eq!(read(&[], 2, ""), (vec![], String::new()));
    }

    #[test]
    fn what_comes_or_goes_between_two_pages_hides_no_other() {
        assert_eq!(read(&[3, 4, 5], 2, "2"), (vec![3, 4], "4".into()));
        assert_eq!(read(&[1, 4], 2, "3"), (vec![4], String::new()));
        assert!(page(vec![1], 0, "x", |it| *it).is_err());
    }
}
