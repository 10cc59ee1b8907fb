import type { Address } from '../jmap/types.ts';

/** What people type or paste between commas, semicolons and line ends: `Name <a@b.example>, "Last, First" <c@d.example>; e@f.example`. */
export function readAddresses(text: string): Address[] {
  return splitList(text).map((each) => {
    const [, name = '', email = ''] = /^(.*?)<([^<>]*)>$/.exec(each) ?? [];
    if (email === '') return { name: null, email: each };
    return { name: unquoted(name.trim()) || null, email: email.trim() };
  });
}

/** At commas and semicolons that stand neither in quotes nor in angle brackets. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  let angle = false;
  for (const sign of text) {
    if (sign === '"') quoted = !quoted;
    else if (!quoted && sign === '<') angle = true;
    else if (!quoted && sign === '>') angle = false;
    if (!quoted && !angle && /[,;\n]/.test(sign)) {
      parts.push(part);
      part = '';
    } else part += sign;
  }
  return [...parts, part].map((each) => each.trim()).filter((each) => each !== '');
}

const unquoted = (name: string): string => name.replace(/^"(.*)"$/, '$1').replace(/\\(["\\])/g, '$1');

/** RFC 5321 §4.1.2 and RFC 6531, without quoted local parts: what somebody who types means. */
export function isAddress(email: string): boolean {
  return (
    email.length <= 254 &&
    /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)+$/u.test(
      email,
    )
  );
}

export const showAddress = ({ name, email }: Address): string => (name === null ? email : `${name} <${email}>`);

/** As it is typed again: a name with signs of the list's own stands in quotes. */
export const typedAddress = ({ name, email }: Address): string =>
  name === null ? email : `${/[,;"<>]/.test(name) ? `"${name.replace(/(["\\])/g, '\\$1')}"` : name} <${email}>`;

/** Without those that are there already, whatever their case. */
export function withoutAddresses(list: readonly Address[], taken: Iterable<string>): Address[] {
  const known = new Set([...taken].map((each) => each.toLowerCase()));
  return list.filter(({ email }) => {
    const key = email.toLowerCase();
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}
