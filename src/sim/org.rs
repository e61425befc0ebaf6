//! The people and distribution lists of the simulated organisation.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::Provider;

use super::{
    names::{DEPARTMENTS, FAMILY, GIVEN},
    seed::{Dice, mix},
};

/// Domain of the Microsoft 365 half.
pub const GRAPH_DOMAIN: &str = "northwind.example";
/// Domain of the Google Workspace half.
pub const GMAIL_DOMAIN: &str = "northwind-labs.example";

/// What a mailbox is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A person's.
    #[default]
    User,
    /// Read by several; its account is disabled. Microsoft 365 only.
    Shared,
    /// A meeting room's. Microsoft 365 only.
    Room,
}

impl Purpose {
    /// `mailboxSettings.userPurpose`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Room => "room",
        }
    }
}

/// What stands behind a group's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// A distribution list; a Google group that only passes mail on.
    #[default]
    List,
    /// A Microsoft 365 group: members get copies, and its own mailbox, which no
    /// user's path reaches, keeps one.
    Microsoft365,
    /// A dynamic distribution group: Exchange works out who is in it, and Graph
    /// does not know it at all.
    Dynamic,
    /// A Google group that keeps its mail in an inbox of its own.
    CollaborativeInbox,
}

/// One person with one mailbox.
#[derive(Debug, Clone)]
pub struct User {
    /// Position in [`Organisation::users`].
    pub index: u32,
    /// Which platform holds the mailbox.
    pub provider: Provider,
    /// Entra object id (GUID) or Google user id (21 digits).
    pub id: String,
    /// Primary address.
    pub address: String,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Department.
    pub department: &'static str,
    /// What the mailbox is for.
    pub purpose: Purpose,
}

impl User {
    /// Name as the directory shows it.
    #[must_use]
    pub fn display_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// The second address of the mailbox: the employee number.
    #[must_use]
    pub fn alias(&self) -> String {
        format!("e{:06}@{}", self.index, domain_of(self.provider))
    }
}

/// A member of a distribution list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A person, by position in [`Organisation::users`].
    User(u32),
    /// Another list, by position in [`Organisation::groups`].
    Group(usize),
}

/// A distribution list.
#[derive(Debug, Clone)]
pub struct Group {
    /// Entra object id or Google group id.
    pub id: String,
    /// Which directory knows it.
    pub provider: Provider,
    /// Its address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Direct members.
    pub members: Vec<Member>,
    /// What stands behind the address.
    pub kind: GroupKind,
    /// Who is in it is hidden from applications without a permission of its own.
    pub hidden_membership: bool,
}

/// What an organisation is made of.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Mailboxes in all, shared ones and rooms included.
    pub mailboxes: usize,
    /// Per cent of them on Microsoft 365; the rest is on Google Workspace.
    pub on_graph: u8,
    /// How many of those on Microsoft 365 are shared mailboxes.
    pub shared: usize,
    /// How many of those on Microsoft 365 are meeting rooms.
    pub rooms: usize,
    /// Whether there are groups of all kinds and not only lists.
    pub groups: bool,
    /// Seed of all names and choices.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            mailboxes: 200,
            on_graph: 50,
            shared: 0,
            rooms: 0,
            groups: false,
            seed: 1,
        }
    }
}

/// Everybody and every list. Immutable once generated.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// People, in directory order.
    pub users: Vec<User>,
    /// Distribution lists.
    pub groups: Vec<Group>,
    by_address: HashMap<String, u32>,
    by_id: HashMap<String, u32>,
}

/// The mail domain of a platform's half.
#[must_use]
pub const fn domain_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Graph => GRAPH_DOMAIN,
        Provider::Gmail => GMAIL_DOMAIN,
    }
}

impl Organisation {
    /// An organisation of `mailboxes` people: the first half on Microsoft 365,
    /// the rest on Google Workspace. The same arguments give the same people.
    #[must_use]
    pub fn generate(mailboxes: usize, seed: u64) -> Self {
        Self::shaped(&Shape {
            mailboxes,
            seed,
            ..Shape::default()
        })
    }

    /// An organisation of that shape: Microsoft 365 first, then Google
    /// Workspace. The same shape gives the same people.
    #[must_use]
    pub fn shaped(shape: &Shape) -> Self {
        let mailboxes = shape.mailboxes;
        let mut dice = Dice::new(shape.seed ^ 0x0726_616e_6973_6d31);
        let mut organisation = Self {
            users: Vec::with_capacity(mailboxes),
            groups: Vec::new(),
            by_address: HashMap::with_capacity(mailboxes),
            by_id: HashMap::with_capacity(mailboxes),
        };
        let on_graph = (mailboxes * usize::from(shape.on_graph.min(100))).div_ceil(100);
        for index in 0..mailboxes {
            let provider = if index < on_graph {
                Provider::Graph
            } else {
                Provider::Gmail
            };
            organisation.hire(index, provider, &mut dice);
        }
        let mut graph: Vec<&mut User> = organisation.users.iter_mut().take(on_graph).collect();
        let purposes = std::iter::repeat_n(Purpose::Shared, shape.shared)
            .chain(std::iter::repeat_n(Purpose::Room, shape.rooms));
        for (user, purpose) in graph.iter_mut().rev().zip(purposes) {
            user.purpose = purpose;
        }
        organisation.found_groups(Provider::Graph, &mut dice);
        organisation.found_groups(Provider::Gmail, &mut dice);
        if shape.groups {
            organisation.found_other_groups(&mut dice);
        }
        organisation
    }

    fn hire(&mut self, index: usize, provider: Provider, dice: &mut Dice) {
        let given = dice.pick(&GIVEN).copied().unwrap_or("Alex");
        let family = dice.pick(&FAMILY).copied().unwrap_or("Doe");
        let department = dice.pick(&DEPARTMENTS).copied().unwrap_or("Support");
        let domain = domain_of(provider);
        let stem = format!("{given}.{family}").to_lowercase();
        let mut address = format!("{stem}@{domain}");
        if self.by_address.contains_key(&address) {
            address = format!("{stem}{index}@{domain}");
        }
        let id = object_id(provider, dice);
        let at = u32::try_from(index).unwrap_or(u32::MAX);
        self.by_address.insert(address.clone(), at);
        self.by_id.insert(id.clone(), at);
        self.users.push(User {
            index: at,
            provider,
            id,
            address,
            given,
            family,
            department,
            purpose: Purpose::User,
        });
    }

    /// One group of each kind, of a few people each; a list with hidden
    /// membership; two lists that hold each other and somebody each.
    fn found_other_groups(&mut self, dice: &mut Dice) {
        use GroupKind as K;
        for (provider, local, name, kind, hidden) in [
            (
                Provider::Graph,
                "team-harbour",
                "Team Harbour",
                K::Microsoft365,
                false,
            ),
            (
                Provider::Graph,
                "everyone-west",
                "Everyone West",
                K::Dynamic,
                false,
            ),
            (Provider::Graph, "board", "Board", K::List, true),
            (
                Provider::Gmail,
                "frontdesk",
                "Front desk",
                K::CollaborativeInbox,
                false,
            ),
        ] {
            let members = self.some(provider, dice);
            let at = self.found(provider, local, name, members, dice);
            if let Some(group) = self.groups.get_mut(at) {
                group.kind = kind;
                group.hidden_membership = hidden;
            }
        }
        for provider in [Provider::Graph, Provider::Gmail] {
            let (day, night) = (self.some(provider, dice), self.some(provider, dice));
            let day = self.found(provider, "shift-day", "Day shift", day, dice);
            let night = self.found(provider, "shift-night", "Night shift", night, dice);
            for (group, other) in [(day, night), (night, day)] {
                if let Some(group) = self.groups.get_mut(group) {
                    group.members.push(Member::Group(other));
                }
            }
        }
    }

    /// A few people of one platform.
    fn some(&self, provider: Provider, dice: &mut Dice) -> Vec<Member> {
        let mut pool: Vec<u32> = self
            .users
            .iter()
            .filter(|user| user.provider == provider)
            .map(|user| user.index)
            .collect();
        dice.shuffle(&mut pool);
        pool.truncate(4);
        pool.into_iter().map(Member::User).collect()
    }

    /// `all-staff` over departments over people, and a project list nested two
    /// deep that also contains itself, as real ones come to do.
    fn found_groups(&mut self, provider: Provider, dice: &mut Dice) {
        let people: Vec<(u32, &'static str)> = self
            .users
            .iter()
            .filter(|user| user.provider == provider)
            .map(|user| (user.index, user.department))
            .collect();
        let mut departments = Vec::new();
        for department in DEPARTMENTS {
            let members = people
                .iter()
                .filter(|(_, of)| *of == department)
                .map(|(at, _)| Member::User(*at))
                .collect();
            departments.push(Member::Group(self.found(
                provider,
                &format!("dl-{}", department.to_lowercase()),
                &format!("{department} (all)"),
                members,
                dice,
            )));
        }
        self.found(provider, "all-staff", "All staff", departments, dice);

        let mut pool: Vec<u32> = people.iter().map(|(at, _)| *at).collect();
        dice.shuffle(&mut pool);
        pool.truncate((people.len() / 20).max(2));
        let half = pool.len().div_ceil(2);
        let design = pool.iter().take(half).map(|at| Member::User(*at)).collect();
        let build = pool.iter().skip(half).map(|at| Member::User(*at)).collect();
        let design = self.found(provider, "aurora-design", "Aurora design", design, dice);
        let build = self.found(provider, "aurora-build", "Aurora build", build, dice);
        let top = self.found(
            provider,
            "project-aurora",
            "Project Aurora",
            vec![Member::Group(design), Member::Group(build)],
            dice,
        );
        if let Some(group) = self.groups.get_mut(build) {
            group.members.push(Member::Group(top));
        }
    }

    fn found(
        &mut self,
        provider: Provider,
        local: &str,
        name: &str,
        members: Vec<Member>,
        dice: &mut Dice,
    ) -> usize {
        self.groups.push(Group {
            id: match provider {
                Provider::Graph => object_id(provider, dice),
                Provider::Gmail => format!("0{:014x}", dice.roll() >> 8),
            },
            provider,
            address: format!("{local}@{}", domain_of(provider)),
            name: name.to_owned(),
            members,
            kind: GroupKind::List,
            hidden_membership: false,
        });
        self.groups.len() - 1
    }

    /// The person at a position.
    #[must_use]
    pub fn user(&self, index: u32) -> Option<&User> {
        self.users.get(usize::try_from(index).ok()?)
    }

    /// The person behind a primary address or alias, in any letter case.
    #[must_use]
    pub fn by_address(&self, address: &str) -> Option<&User> {
        // most keys are GUIDs
        if !address.contains('@') {
            return None;
        }
        let address = address.trim().to_lowercase();
        if let Some(at) = self.by_address.get(&address) {
            return self.user(*at);
        }
        let (local, _) = address.split_once('@')?;
        let number: u32 = local.strip_prefix('e')?.parse().ok()?;
        self.user(number).filter(|user| user.alias() == address)
    }

    /// The person with a directory id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&User> {
        self.by_id
            .get(id)
            .or_else(|| self.by_id.get(&id.to_lowercase()))
            .and_then(|at| self.user(*at))
    }

    /// The person with a directory id or an address, on one platform.
    #[must_use]
    pub fn find(&self, provider: Provider, key: &str) -> Option<&User> {
        self.by_id(key)
            .or_else(|| self.by_address(key))
            .filter(|user| user.provider == provider)
    }

    /// The list with an address or id, on one platform, and its position.
    #[must_use]
    pub fn group(&self, provider: Provider, key: &str) -> Option<(usize, &Group)> {
        self.groups.iter().enumerate().find(|(_, group)| {
            group.provider == provider
                && (group.address.eq_ignore_ascii_case(key) || group.id.eq_ignore_ascii_case(key))
        })
    }

    /// Everybody in a list, nested lists flattened, each once, loops ignored.
    #[must_use]
    pub fn expand(&self, group: usize) -> Vec<u32> {
        self.expand_all(group)
            .into_iter()
            .filter_map(|member| match member {
                Member::User(user) => Some(user),
                Member::Group(_) => None,
            })
            .collect()
    }

    /// The same with the lists in it, itself left out.
    #[must_use]
    pub fn expand_all(&self, group: usize) -> Vec<Member> {
        let mut seen_groups = HashSet::from([group]);
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        let mut queue = VecDeque::from([group]);
        while let Some(at) = queue.pop_front() {
            for member in self.groups.get(at).map_or(&[][..], |g| &g.members) {
                match *member {
                    Member::User(user) => {
                        if seen.insert(user) {
                            all.push(Member::User(user));
                        }
                    }
                    Member::Group(inner) => {
                        if seen_groups.insert(inner) {
                            all.push(Member::Group(inner));
                            queue.push_back(inner);
                        }
                    }
                }
            }
        }
        all
    }
}

fn object_id(provider: Provider, dice: &mut Dice) -> String {
    match provider {
        Provider::Graph => {
            let bytes = (u128::from(dice.roll()) << 64) | u128::from(dice.roll());
            uuid::Builder::from_random_bytes(bytes.to_be_bytes())
                .into_uuid()
                .to_string()
        }
        Provider::Gmail => format!(
            "1{:020}",
            u128::from(mix(dice.roll())) % 100_000_000_000_000_000_000
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let (a, b) = (
            Organisation::generate(200, 7),
            Organisation::generate(200, 7),
        );
        assert_eq!(a.users.len(), 200);
        assert_eq!(
            a.users
                .iter()
                .filter(|u| u.provider == Provider::Graph)
                .count(),
            100
        );
        for (left, right) in a.users.iter().zip(&b.users) {
            assert_eq!((&left.id, &left.address), (&right.id, &right.address));
        }
        let other = Organisation::generate(200, 8);
        assert_ne!(a.users[3].id, other.users[3].id);
    }

    #[test]
    fn nested_lists_flatten_and_loops_end() {
        let org = Organisation::generate(200, 7);
        let (all, _) = org
            .group(Provider::Graph, "all-staff@northwind.example")
            .expect("all-staff");
        assert_eq!(org.expand(all).len(), 100);
        let (aurora, _) = org
            .group(Provider::Gmail, "project-aurora@northwind-labs.example")
            .expect("project");
        assert_eq!(org.expand(aurora).len(), 5);
    }

    #[test]
    fn people_are_found_by_alias_and_id() {
        let org = Organisation::generate(20, 1);
        let user = &org.users[12];
        assert_eq!(org.by_address(&user.alias()).map(|u| u.index), Some(12));
        assert_eq!(
            org.find(Provider::Gmail, &user.id).map(|u| u.index),
            Some(12)
        );
        assert!(org.find(Provider::Graph, &user.address).is_none());
    }
}
