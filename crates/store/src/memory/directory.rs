//! Reading many users out of the map.

use crate::{Directory, EventPlace, Listed, Order, StoreError};
use async_trait::async_trait;
use userd_core::{CanonicalEmail, EmailPrefix, Event, User, UserId};

use super::MemoryStore;

#[async_trait]
impl Directory for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPlace>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(EventPlace, Event)>, StoreError> {
        let events = self.call(|kept| kept.events.clone())?;
        let numbered = (0..).map(|number| EventPlace(number, 0)).zip(events);
        Ok(page(numbered.filter(|(_, event)| event.user == user).collect(), after.as_ref(), order, most))
    }

    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError> {
        let users: Vec<User> = self.call(|kept| kept.users.values().cloned().collect())?;
        let keyed = users.into_iter().map(|user| (user.id, Listed::User(Box::new(user)))).collect();
        Ok(page(keyed, after.as_ref(), order, most).into_iter().map(|(_, listed)| listed).collect())
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, Listed)>, StoreError> {
        let has_prefix = |user: &&User| user.email.canonical().as_str().starts_with(prefix.as_str());
        let users: Vec<User> = self.call(|kept| kept.users.values().filter(has_prefix).cloned().collect())?;
        let keyed = users.into_iter().map(|user| (user.email.canonical().clone(), Listed::User(Box::new(user))));
        Ok(page(keyed.collect(), after, order, most))
    }
}

fn page<K: Ord, T>(mut keyed: Vec<(K, T)>, after: Option<&K>, order: Order, most: usize) -> Vec<(K, T)> {
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    if order == Order::Descending {
        keyed.reverse();
    }
    let comes_after =
        |key: &K| after.is_none_or(|after| if order == Order::Ascending { key > after } else { key < after });
    keyed.into_iter().filter(|(key, _)| comes_after(key)).take(most).collect()
}
