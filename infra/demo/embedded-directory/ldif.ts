/** One record of LDIF content: attributes in their order, with the names as written. */
export interface LdifRecord {
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads LDIF content (RFC 2849): records, comments, folded lines, base64 values. Change records and URLs are refused.
 *
 * @throws with the line when the text is no LDIF
 */
export function parseLdif(text: string): LdifRecord[] {
  const records: LdifRecord[] = [];
  let current: { dn: string; attributes: Map<string, string[]> } | undefined;
  for (const line of unfold(text)) {
    if (line === '') {
      current = undefined;
      continue;
    }
    if (line.startsWith('#') || /^version:\s*1$/i.test(line)) continue;
    const match = /^([A-Za-z][A-Za-z0-9.;-]*)(::?) *(.*)$/.exec(line);
    if (match === null) throw new Error(`not LDIF: ${line}`);
    const [, name = '', separator, raw = ''] = match;
    const value = separator === '::' ? Buffer.from(raw, 'base64').toString('utf8') : raw;
    if (name.toLowerCase() === 'changetype') throw new Error('LDIF change records are not for loading');
    if (current === undefined) {
      if (name.toLowerCase() !== 'dn') throw new Error(`an LDIF record begins with its dn: ${line}`);
      current = { dn: value, attributes: new Map() };
      records.push(current);
      continue;
    }
    const values = current.attributes.get(name);
    if (values === undefined) current.attributes.set(name, [value]);
    else values.push(value);
  }
  return records;
}

/** Writes LDIF content that {@link parseLdif} reads back the same. */
export function formatLdif(records: Iterable<LdifRecord>): string {
  let text = '';
  for (const { dn, attributes } of records) {
    text += formatLine('dn', dn);
    for (const [name, values] of attributes) for (const value of values) text += formatLine(name, value);
    text += '\n';
  }
  return text;
}

/** RFC 2849: what is no SAFE-STRING, or ends with a space, is written in base64. */
function formatLine(name: string, value: string): string {
  const safe = value === '' || (/^[!-9;=-~][ -~]*$/.test(value) && !value.endsWith(' '));
  return safe ? `${name}: ${value}\n` : `${name}:: ${Buffer.from(value, 'utf8').toString('base64')}\n`;
}

function unfold(text: string): string[] {
  return text.replace(/\r\n/g, '\n').replace(/\n /g, '').split('\n');
}
