//! Who is behind a group's address.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    GraphMail,
    call::Call,
    directory::{TOP, User, primary},
    message,
    path::{Path, quoted},
};
use crate::{
    domain::MailboxAddress,
    mailbox::{Audience, Family, GroupKind, MailboxError, wire, wire::Effect},
};

/// Resource units of a list of members that selects nothing.
const MEMBERS: u32 = 5;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: String,
    mail: Option<String>,
    #[serde(default)]
    group_types: Vec<String>,
    visibility: Option<String>,
}

impl GraphMail {
    /// Lists that Exchange fills by a rule are not in this directory: their
    /// address is no group here.
    pub(super) async fn audience(
        &self,
        address: &MailboxAddress,
    ) -> Result<Option<Audience>, MailboxError> {
        let mail = quoted(address.as_str());
        let alias = quoted(&format!("smtp:{}", address.as_str()));
        let path = Path::new(&["groups"])
            .ask(
                "$filter",
                &format!("mail eq {mail} or proxyAddresses/any(p:p eq {alias})"),
            )
            .ask("$select", "id,mail,groupTypes,visibility");
        let body = self
            .wire
            .one(&Call::directory(&path))
            .await?
            .ok(Effect::Read)?;
        let (groups, _) = message::page(body)?;
        let Some(group) = groups.into_iter().next() else {
            return Ok(None);
        };
        let group: Group = serde_json::from_value(group)
            .map_err(|_| MailboxError::Malformed("group is not of the documented form".into()))?;
        let mut within = self.members(&group.id).await?;
        within.own.push(group.clone());
        Ok(Some(Audience {
            kind: group.kind(),
            remark: remark(&within),
            members: within.members,
        }))
    }

    /// Microsoft 365 groups: each has a mailbox that `/users` does not reach.
    pub(super) async fn groups_that_keep(&self) -> Result<Vec<MailboxAddress>, MailboxError> {
        let path = Path::new(&["groups"])
            .ask("$select", "id,mail,groupTypes,visibility")
            .ask("$top", TOP);
        let mut body = self
            .wire
            .one(&Call::directory(&path))
            .await?
            .ok(Effect::Read)?;
        let mut keeping = Vec::new();
        let mut followed: Vec<String> = Vec::new();
        loop {
            let (groups, next) = message::page(body)?;
            let groups = groups
                .into_iter()
                .filter_map(|group| serde_json::from_value::<Group>(group).ok());
            keeping.extend(
                groups
                    .filter(|group| group.is("Unified"))
                    .filter_map(|group| group.mail?.parse().ok()),
            );
            let Some(link) = next else {
                return Ok(keeping);
            };
            if followed.contains(&link) || followed.len() >= wire::PAGE_LIMIT {
                return Err(MailboxError::Malformed("pages do not end".to_owned()));
            }
            body = self.wire.page(None, Family::Directory, &link).await?;
            followed.push(link);
        }
    }

    /// People and groups come in one list, nested ones flattened. Properties that
    /// only one of both has cannot be selected from it.
    async fn members(&self, group: &str) -> Result<Within, MailboxError> {
        let path = Path::new(&["groups", group, "transitiveMembers"]).ask("$top", TOP);
        let first = Call::directory(&path).costing(MEMBERS);
        let mut body = self.wire.one(&first).await?.ok(Effect::Read)?;
        let mut within = Within::default();
        let mut known = HashSet::new();
        let mut followed: Vec<String> = Vec::new();
        loop {
            let (objects, next) = message::page(body)?;
            for object in objects {
                if object.get("@odata.type") == Some(&json!("#microsoft.graph.group")) {
                    within.own.extend(serde_json::from_value(object).ok());
                } else if let Ok(user) = serde_json::from_value::<User>(object)
                    && let Some(address) = primary(&user)
                    && known.insert(address.clone())
                {
                    within.members.push(address);
                }
            }
            let Some(link) = next else {
                return Ok(within);
            };
            if followed.contains(&link) || followed.len() >= wire::PAGE_LIMIT {
                return Err(MailboxError::Malformed("pages do not end".to_owned()));
            }
            body = self.wire.page(None, Family::Directory, &link).await?;
            followed.push(link);
        }
    }
}

/// What was found behind a group's address.
#[derive(Debug, Default)]
struct Within {
    members: Vec<MailboxAddress>,
    /// The group and those in it.
    own: Vec<Group>,
}

/// What the members do not show.
fn remark(within: &Within) -> Option<String> {
    let keeping = within.own.iter().filter(|group| group.is("Unified"));
    let hidden = within.own.iter().any(Group::is_hidden);
    let mut remarks = Vec::new();
    match keeping.count() {
        0 => {}
        1 => remarks.push("a group's own mailbox keeps a copy that cannot be searched".to_owned()),
        n => remarks.push(format!(
            "the own mailboxes of {n} groups keep copies that cannot be searched"
        )),
    }
    if hidden {
        remarks
            .push("a membership is hidden: without Member.Read.Hidden it is not seen".to_owned());
    }
    (!remarks.is_empty()).then(|| remarks.join("; "))
}

impl Group {
    fn is(&self, kind: &str) -> bool {
        self.group_types
            .iter()
            .any(|k| k.eq_ignore_ascii_case(kind))
    }

    fn kind(&self) -> GroupKind {
        if self.is("Unified") {
            GroupKind::Microsoft365
        } else if self.is("DynamicMembership") {
            GroupKind::Dynamic
        } else {
            GroupKind::List
        }
    }

    fn is_hidden(&self) -> bool {
        self.visibility
            .as_deref()
            .is_some_and(|visibility| visibility.eq_ignore_ascii_case("HiddenMembership"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_as_what_it_is() {
        let group = |types: &[&str], visibility: Option<&str>| Group {
            mail: None,
            id: "1".to_owned(),
            group_types: types.iter().map(|&t| t.to_owned()).collect(),
            visibility: visibility.map(str::to_owned),
        };
        let remark_of = |own: &[Group]| {
            remark(&Within {
                members: Vec::new(),
                own: own.to_vec(),
            })
        };
        let list = group(&[], None);
        assert_eq!(list.kind(), GroupKind::List);
        let team = group(&["Unified", "DynamicMembership"], Some("Private"));
        assert_eq!(team.kind(), GroupKind::Microsoft365);
        let ruled = group(&["DynamicMembership"], None);
        assert_eq!(ruled.kind(), GroupKind::Dynamic);
        assert_eq!(remark_of(&[list.clone(), ruled]), None);
        // A team within a list keeps its copy too.
        let nested = remark_of(&[list, team.clone(), team]);
        assert!(nested.is_some_and(|remark| remark.contains("2 groups")));
        let hidden = remark_of(&[group(&[], Some("Hiddenmembership"))]);
        assert!(hidden.is_some_and(|remark| remark.contains("Member.Read.Hidden")));
    }
}
