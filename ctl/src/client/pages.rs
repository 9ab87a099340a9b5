//! Paginated lists, read to the end.

use openclaw_proto::v1::{
    ListAlertsResponse, ListAllowedResponse, ListClientsResponse, ListConsumersResponse,
    ListGroupsResponse, ListJoinRequestsResponse, ListQueueResponse,
};

use crate::failure::Failure;

/// More pages than any list of an agent has, at 1,000 entries per page.
const MAX_PAGES: usize = 1_000;

/// A page of a list.
pub(crate) trait Page {
    /// The token of the next page; empty on the last one.
    fn next_page_token(&self) -> &str;

    /// Appends the entries of `later`, and takes over its position.
    fn append(&mut self, later: Self);
}

/// Fetches all pages and joins them.
///
/// # Errors
/// The errors of `fetch`, and a list that does not end.
pub(crate) async fn all<P: Page>(
    mut fetch: impl AsyncFnMut(String) -> Result<P, Failure>,
) -> Result<P, Failure> {
    let mut whole = fetch(String::new()).await?;
    for _ in 1..MAX_PAGES {
        let token = whole.next_page_token().to_owned();
        if token.is_empty() {
            return Ok(whole);
        }
        whole.append(fetch(token).await?);
    }
    Err(Failure::new("the agent's list repeats a page")
        .with_reason("ENDLESS_LIST")
        .with_hint("update the agent"))
}

macro_rules! pages {
    ($($page:ty { $($entries:ident),+ })+) => {
        $(impl Page for $page {
            fn next_page_token(&self) -> &str {
                &self.next_page_token
            }

            fn append(&mut self, later: Self) {
                $(self.$entries.extend(later.$entries);)+
                self.next_page_token = later.next_page_token;
            }
        })+
    };
}

pages! {
    ListAlertsResponse { alerts }
    ListAllowedResponse { allowed }
    ListGroupsResponse { groups }
    ListJoinRequestsResponse { requests }
    ListClientsResponse { clients, invitations }
    ListConsumersResponse { consumers }
    ListQueueResponse { messages }
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::Consumer;

    use super::*;

    fn page(name: &str, next_page_token: &str) -> ListConsumersResponse {
        let name = name.to_owned();
        ListConsumersResponse {
            consumers: vec![Consumer {
                name,
                ..Consumer::default()
            }],
            next_page_token: next_page_token.to_owned(),
        }
    }

    #[tokio::test]
    async fn pages_are_read_in_order_to_the_last_one() {
        let fetch = async |token: String| match token.as_str() {
            "" => Ok(page("a", "1")),
            "1" => Ok(page("b", "2")),
            _ => Ok(page("c", "")),
        };
        let whole = all(fetch).await.unwrap();
        let names: Vec<_> = whole
            .consumers
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_list_that_does_not_end_is_an_error() {
        let failure = all(async |_| Ok(page("a", "again"))).await.unwrap_err();
        assert_eq!(failure.reason(), Some("ENDLESS_LIST"));
    }
}
