//! No field has a name that a common language has for something else: there it would get another name, or hide a method.
//!
//! Where fields get names of another form (C# and PHP: `Event`, `getEvent`) keywords do not matter.

use prost_types::{FieldDescriptorProto, FileDescriptorSet, OneofDescriptorProto};

use super::messages;

/// Keywords of languages in which a field's name stands as it is.
const KEYWORDS: &str = "and as assert async await break class continue def del elif else except finally for from global if \
    import in is lambda nonlocal not or pass raise return try while with yield match case \
    abstract become box const crate do dyn enum extern false final fn gen impl let loop macro mod move mut override priv pub \
    ref self static struct super trait true type typeof unsafe unsized use virtual where \
    func go goto interface map package range select switch var defer default fallthrough chan";

/// Methods that every message has in Ruby, Go or Java.
const METHODS: &str = "class clone display dup extend freeze hash inspect itself method methods send tap then trust test format \
    system exit open select trap print fail loop sleep to_s to_h to_json object_id \
    reset string proto_message proto_reflect descriptor \
    all_fields unknown_fields serialized_size parser builder default_instance";

pub(super) fn assert_none(descriptors: &FileDescriptorSet) {
    let taken = |name: &str| {
        let mut words = KEYWORDS
            .split_whitespace()
            .chain(METHODS.split_whitespace());
        words.any(|word| word == name)
    };
    for message in messages(descriptors) {
        let fields = message.field.iter().map(FieldDescriptorProto::name);
        let oneofs = message.oneof_decl.iter().map(OneofDescriptorProto::name);
        for name in fields.chain(oneofs) {
            assert!(!taken(name), "{}.{name} is awkward", message.name());
        }
    }
}
