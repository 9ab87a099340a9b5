import type { Contact } from "@openclaw-agent/client";

/** A person on WhatsApp: by number, by LID, or both. */
export interface Person {
  /** E.164. */
  phone?: string;
  /** "123456@lid". */
  lid?: string;
  /** The name that they gave themselves. */
  name?: string;
}

/** Drops empty fields, which the API uses for "not known". */
export function personOf(contact: Contact | undefined, name?: string): Person {
  const person: Person = {};
  if (contact?.phone) person.phone = contact.phone;
  if (contact?.lid) person.lid = contact.lid;
  const trimmed = name?.trim();
  if (trimmed) person.name = trimmed;
  return person;
}

/** The id of a person in sessions, allowlists and prompts: the number, and the LID only if no number is known. */
export function personId(person: Person | undefined): string | undefined {
  return person?.phone ?? person?.lid;
}

/** Whether two descriptions are of one person. False if they have no identifier in common. */
export function samePerson(left: Person | undefined, right: Person | undefined): boolean {
  if (!left || !right) return false;
  if (left.phone && left.phone === right.phone) return true;
  return Boolean(left.lid && left.lid === right.lid);
}

/** The names that the chat with a person may have: as target of a send, and as id of the chat at the agent. */
export function chatNames(person: Person, ...others: string[]): string[] {
  const names = new Set(others.filter(Boolean));
  if (person.lid) names.add(person.lid);
  if (person.phone) {
    names.add(person.phone);
    names.add(`${person.phone.slice(1)}@s.whatsapp.net`);
  }
  return [...names];
}
