//! Reading many users out of the map.

use async_trait::async_trait;
use userd::domain::{CanonicalEmail, EmailPrefix, User, UserId};
use userd::store::{Directory, Listed, Order, StoreError};

use super::MemoryStore;

#[async_trait]
impl Directory for MemoryStore {
    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError> {
        let users: Vec<User> = self.call(|kept| kept.users.values().cloned().collect())?;
        let page = page(users, |user| user.id, after.as_ref(), order, most);
        Ok(page.into_iter().map(|(_, listed)| listed).collect())
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
        Ok(page(users, |user| user.email.canonical().clone(), after, order, most))
    }
}

fn page<K: Ord>(
    users: Vec<User>,
    key: impl Fn(&User) -> K,
    after: Option<&K>,
    order: Order,
    most: usize,
) -> Vec<(K, Listed)> {
    let mut keyed: Vec<(K, User)> = users.into_iter().map(|user| (key(&user), user)).collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    if order == Order::Descending {
        keyed.reverse();
    }
    let comes_after =
        |key: &K| after.is_none_or(|after| if order == Order::Ascending { key > after } else { key < after });
    let page = keyed.into_iter().filter(|(key, _)| comes_after(key)).take(most);
    page.map(|(key, user)| (key, Listed::User(Box::new(user)))).collect()
}
