//! Pagination of lists.

use tonic::Status as GrpcStatus;

use super::invalid;

/// The default and the largest size of a page.
const MAX_PAGE: usize = 1_000;

/// A page of a list, with the token of the next one.
pub(in crate::edge::grpc) struct Page<T> {
    pub(in crate::edge::grpc) items: Vec<T>,
    /// Empty on the last page.
    pub(in crate::edge::grpc) next: String,
    /// The length of the whole list.
    pub(in crate::edge::grpc) total: usize,
}

/// A page token that this list did not return.
#[derive(Debug, thiserror::Error)]
#[error("is not a page token of this list")]
pub(super) struct BadToken;

/// One page of at most `size` items (0: [`MAX_PAGE`]). The list is ordered by its keys, and a page's last key is the
/// token of the next page, so items that are added or removed between two calls neither repeat nor hide others.
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
    fn all_pages_make_the_list_and_the_last_has_no_token() {
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
    fn changes_between_two_pages_hide_no_item() {
        assert_eq!(read(&[3, 4, 5], 2, "2"), (vec![3, 4], "4".into()));
        assert_eq!(read(&[1, 4], 2, "3"), (vec![4], String::new()));
        assert!(page(vec![1], 0, "x", |it| *it).is_err());
    }
}
