//! A business's lists and buttons, and the replies.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::buttons_response_message::{self, Response};
use waproto::whatsapp::message::list_message::{ListType, Row, Section};
use waproto::whatsapp::message::{
    ButtonsMessage, ButtonsResponseMessage, ListMessage, ListResponseMessage,
    TemplateButtonReplyMessage, buttons_message, list_response_message,
};

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The id that the reply contains.
    pub id: String,
    /// The text shown.
    pub title: String,
}

/// A list, or buttons, below a text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offer {
    /// The text above.
    pub text: String,
    /// The heading; only of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The footer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The label of the button that opens a list; only of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button: Option<String>,
    /// The choices.
    pub choices: Vec<Choice>,
}

impl Offer {
    pub(crate) fn list(&self) -> wa::Message {
        let row = |choice: &Choice| Row {
            title: Some(choice.title.clone()),
            row_id: Some(choice.id.clone()),
            ..Default::default()
        };
        let section = Section {
            title: self.title.clone(),
            rows: self.choices.iter().map(row).collect(),
        };
        let list = ListMessage {
            title: self.title.clone(),
            description: Some(self.text.clone()),
            button_text: self.button.clone(),
            footer_text: self.footer.clone(),
            list_type: Some(ListType::SINGLE_SELECT),
            sections: vec![section],
            ..Default::default()
        };
        wa::Message {
            list_message: MessageField::some(list),
            ..Default::default()
        }
    }

    pub(crate) fn of_list(list: &ListMessage) -> Self {
        let rows = list.sections.iter().flat_map(|section| &section.rows);
        let choices = rows.map(|row| Choice {
            id: row.row_id.clone().unwrap_or_default(),
            title: row.title.clone().unwrap_or_default(),
        });
        Self {
            text: list.description.clone().unwrap_or_default(),
            title: list.title.clone(),
            footer: list.footer_text.clone(),
            button: list.button_text.clone(),
            choices: choices.collect(),
        }
    }

    pub(crate) fn buttons(&self) -> wa::Message {
        use buttons_message::button::{ButtonText, Type};
        let button = |choice: &Choice| buttons_message::Button {
            button_id: Some(choice.id.clone()),
            button_text: MessageField::some(ButtonText {
                display_text: Some(choice.title.clone()),
            }),
            r#type: Some(Type::RESPONSE),
            ..Default::default()
        };
        let buttons = ButtonsMessage {
            content_text: Some(self.text.clone()),
            footer_text: self.footer.clone(),
            buttons: self.choices.iter().map(button).collect(),
            ..Default::default()
        };
        wa::Message {
            buttons_message: MessageField::some(buttons),
            ..Default::default()
        }
    }

    pub(crate) fn of_buttons(buttons: &ButtonsMessage) -> Self {
        let choices = buttons.buttons.iter().map(|button| Choice {
            id: button.button_id.clone().unwrap_or_default(),
            title: button.button_text.display_text.clone().unwrap_or_default(),
        });
        Self {
            text: buttons.content_text.clone().unwrap_or_default(),
            footer: buttons.footer_text.clone(),
            choices: choices.collect(),
            ..Self::default()
        }
    }
}

impl Choice {
    pub(crate) fn list_reply(&self) -> wa::Message {
        let reply = list_response_message::SingleSelectReply {
            selected_row_id: Some(self.id.clone()),
        };
        let response = ListResponseMessage {
            title: Some(self.title.clone()),
            list_type: Some(list_response_message::ListType::SINGLE_SELECT),
            single_select_reply: MessageField::some(reply),
            ..Default::default()
        };
        wa::Message {
            list_response_message: MessageField::some(response),
            ..Default::default()
        }
    }

    pub(crate) fn of_list(response: &ListResponseMessage) -> Self {
        let reply = &response.single_select_reply;
        Self {
            id: reply.selected_row_id.clone().unwrap_or_default(),
            title: response.title.clone().unwrap_or_default(),
        }
    }

    /// The reply has no title: the title is in the button.
    pub(crate) fn of_button(response: &ButtonsResponseMessage) -> Self {
        let shown = response.response.as_ref();
        let title = shown.map(|Response::SelectedDisplayText(title)| title.clone());
        Self {
            id: response.selected_button_id.clone().unwrap_or_default(),
            title: title.unwrap_or_default(),
        }
    }

    pub(crate) fn buttons_reply(&self) -> wa::Message {
        let response = ButtonsResponseMessage {
            selected_button_id: Some(self.id.clone()),
            r#type: Some(buttons_response_message::Type::DISPLAY_TEXT),
            response: Some(Response::SelectedDisplayText(self.title.clone())),
            ..Default::default()
        };
        wa::Message {
            buttons_response_message: MessageField::some(response),
            ..Default::default()
        }
    }

    pub(crate) fn template_reply(&self) -> wa::Message {
        let reply = TemplateButtonReplyMessage {
            selected_id: Some(self.id.clone()),
            selected_display_text: Some(self.title.clone()),
            ..Default::default()
        };
        wa::Message {
            template_button_reply_message: MessageField::some(reply),
            ..Default::default()
        }
    }

    pub(crate) fn of_template(reply: &TemplateButtonReplyMessage) -> Self {
        Self {
            id: reply.selected_id.clone().unwrap_or_default(),
            title: reply.selected_display_text.clone().unwrap_or_default(),
        }
    }
}
