//! Reads protobuf fields without decoding the message: of records whose types the library keeps private, and of messages that may
//! be far larger decoded.

/// The value of a field.
pub(crate) enum Value<'a> {
    Varint(u64),
    /// Of a length that the message says.
    Bytes(&'a [u8]),
    /// Of 4 or 8 bytes.
    Fixed(&'a [u8]),
}

/// Takes the next field off the message, with its number. `None` if it is malformed.
pub(crate) fn next_field<'a>(message: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = varint(message)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(message)?),
        1 => Value::Fixed(message.split_off(..8)?),
        2 => {
            let length = usize::try_from(varint(message)?).ok()?;
            Value::Bytes(message.split_off(..length)?)
        }
        5 => Value::Fixed(message.split_off(..4)?),
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
