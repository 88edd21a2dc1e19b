//! Pages of users and events, from the maps.

use crate::{EventPosition, ListedUser, SortOrder, StoreError, UserListing};
use async_trait::async_trait;
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, User, UserId};

use super::store::MemoryStore;

#[async_trait]
impl UserListing for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPosition>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError> {
        let events = self.call(|stored| stored.events.clone())?;
        let numbered = (0..).map(|number| EventPosition(number, 0)).zip(events);
        Ok(page(numbered.filter(|(_, event)| event.user == user).collect(), after.as_ref(), order, most))
    }

    async fn users_by_id(
        &self,
        after: Option<UserId>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<ListedUser>, StoreError> {
        let users: Vec<User> = self.call(|stored| stored.users.values().cloned().collect())?;
        let keyed = users.into_iter().map(|user| (user.id, ListedUser::User(Box::new(user)))).collect();
        Ok(page(keyed, after.as_ref(), order, most).into_iter().map(|(_, listed)| listed).collect())
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError> {
        let has_prefix = |user: &&User| user.email.canonical().as_str().starts_with(prefix.as_str());
        let users: Vec<User> = self.call(|stored| stored.users.values().filter(has_prefix).cloned().collect())?;
        let keyed = users.into_iter().map(|user| (user.email.canonical().clone(), ListedUser::User(Box::new(user))));
        Ok(page(keyed.collect(), after, order, most))
    }
}

fn page<K: Ord, T>(mut keyed: Vec<(K, T)>, after: Option<&K>, order: SortOrder, most: usize) -> Vec<(K, T)> {
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    if order == SortOrder::Descending {
        keyed.reverse();
    }
    let comes_after =
        |key: &K| after.is_none_or(|after| if order == SortOrder::Ascending { key > after } else { key < after });
    keyed.into_iter().filter(|(key, _)| comes_after(key)).take(most).collect()
}
