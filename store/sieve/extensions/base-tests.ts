import { type AddressPart, addressPartOf } from '../address-part.ts';
import type { Call } from '../call.ts';
import { fieldsAt } from '../field-choice.ts';
import { ADDRESS_PART_TAGS, MATCHING_TAGS } from '../matching-tags.ts';
import { addressText, type Header, type HeaderField, Value } from '../message.ts';
import { headersAsked, mimeValues } from '../mime-headers.ts';
import type { Extension, Predicate } from '../program.ts';
import { textsOf } from '../text.ts';

/** RFC 5228 §5.1: fields whose bodies are addresses, and some that are so by custom. */
const ADDRESS_FIELDS = new Set(
  `from to cc bcc sender reply-to resent-from resent-to resent-cc resent-bcc resent-sender resent-reply-to return-path
   delivered-to x-original-to envelope-to apparently-to errors-to disposition-notification-to mail-followup-to
   mail-reply-to return-receipt-to x-envelope-to x-envelope-from x-forwarded-to x-forwarded-for`.split(/\s+/),
);

const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]+$/;

/** Names of fields in lower case. */
const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());

function checkNames(call: Call, names: readonly unknown[]): void {
  const wrong = names.find((name) => typeof name === 'string' && !FIELD_NAME.test(name));
  if (wrong !== undefined) call.fail(`"${String(wrong)}" is no name of a header field`);
}

function compileAddress(call: Call): Predicate {
  const names = call.texts(0);
  checkNames(call, names);
  const wrong = names.find((name) => typeof name === 'string' && !ADDRESS_FIELDS.has(name.toLowerCase()));
  if (wrong !== undefined) call.fail(`header field "${String(wrong)}" holds no addresses`);
  const matches = call.matcher(1);
  const part = addressPartOf(call);
  const choice = fieldsAt(call);
  const headers = headersAsked(call);
  return (run) => {
    const values: Value[] = [];
    for (const header of headers(run)) {
      for (const name of lower(textsOf(run, names))) {
        if (!ADDRESS_FIELDS.has(name)) continue;
        for (const field of choice(header.named(name))) values.push(...addressValues(header, field, part));
      }
    }
    return matches(run, values);
  };
}

/** Parts of the addresses of each field, kept for the rules that ask again. */
const known = new WeakMap<HeaderField, Map<AddressPart, readonly Value[]>>();

function addressValues(header: Header, field: HeaderField, part: AddressPart): readonly Value[] {
  let byPart = known.get(field);
  if (byPart === undefined) {
    byPart = new Map();
    known.set(field, byPart);
  }
  let values = byPart.get(part);
  if (values === undefined) {
    values = header.mailboxesOf(field).flatMap((mailbox) => {
      const text = part(addressText(mailbox));
      return text === undefined ? [] : [new Value(text)];
    });
    byPart.set(part, values);
  }
  return values;
}

function compileHeader(call: Call): Predicate {
  const names = call.texts(0);
  checkNames(call, names);
  const matches = call.matcher(1);
  const choice = fieldsAt(call);
  const headers = headersAsked(call);
  const valuesOf = mimeValues(call);
  return (run) => {
    const values: Value[] = [];
    for (const header of headers(run)) {
      for (const name of lower(textsOf(run, names))) {
        for (const field of choice(header.named(name))) values.push(...valuesOf(run, header, field));
      }
    }
    return matches(run, values);
  };
}

function compileExists(call: Call): Predicate {
  const names = call.texts(0);
  checkNames(call, names);
  const headers = headersAsked(call);
  return (run) => {
    const all = headers(run);
    return lower(textsOf(run, names)).every((name) => all.some((header) => header.named(name).length > 0));
  };
}

function compileSize(call: Call): Predicate {
  const over = call.tagNumber('over');
  const under = call.tagNumber('under');
  if (over !== undefined) return (run) => run.input.message.sizeBytes > over;
  if (under !== undefined) return (run) => run.input.message.sizeBytes < under;
  return call.fail('"size" takes :over or :under');
}

/** RFC 5228 §5, but for `envelope`. Tests are evaluated from left to right, and no more of them than needed (RFC 5229 §3.2). */
export const baseTests: Extension = {
  capability: '',
  tests: [
    {
      name: 'address',
      tags: [...MATCHING_TAGS, ...ADDRESS_PART_TAGS],
      takes: ['strings', 'strings'],
      compile: compileAddress,
    },
    {
      name: 'allof',
      tests: 'list',
      compile(call) {
        const tests = call.tests();
        return (run) => tests.every((test) => test(run));
      },
    },
    {
      name: 'anyof',
      tests: 'list',
      compile(call) {
        const tests = call.tests();
        return (run) => tests.some((test) => test(run));
      },
    },
    { name: 'exists', takes: ['strings'], compile: compileExists },
    { name: 'false', compile: () => () => false },
    { name: 'header', tags: MATCHING_TAGS, takes: ['strings', 'strings'], compile: compileHeader },
    {
      name: 'not',
      tests: 'one',
      compile(call) {
        const [test] = call.tests();
        return (run) => test !== undefined && !test(run);
      },
    },
    {
      name: 'size',
      tags: [
        { name: 'over', value: 'number', group: 'bound' },
        { name: 'under', value: 'number', group: 'bound' },
      ],
      compile: compileSize,
    },
    { name: 'true', compile: () => () => true },
  ],
};
