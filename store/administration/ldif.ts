import { done, type Outcome, refuse } from './outcome.ts';

/** One record of LDIF content, its attributes by lower-case name, and the line that it begins on. */
export interface LdifContent {
  readonly line: number;
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/** RFC 2849: content records. URLs and change records are refused: a file must not make the store fetch or do things. */
export function parseLdifContent(text: string): Outcome<LdifContent[]> {
  const records: LdifContent[] = [];
  let current: { line: number; dn: string; attributes: Map<string, string[]> } | undefined;
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const number = index + 1;
    let line = lines[index] ?? '';
    while (lines[index + 1]?.startsWith(' ') === true) {
      index += 1;
      line += lines[index]?.slice(1);
    }
    if (line === '') current = undefined;
    if (line === '' || line.startsWith('#') || /^version:\s*1$/i.test(line)) continue;
    const match = /^([A-Za-z][A-Za-z0-9.;-]*)(::?) *(.*)$/s.exec(line);
    if (match === null) return refuse('invalid', 'Line {line} is no LDIF', 'text', { line: number });
    const name = (match[1] ?? '').toLowerCase();
    if (name === 'changetype' || match[3]?.startsWith('<') === true) {
      return refuse('invalid', 'Line {line}: content alone, no changes and no URLs', 'text', { line: number });
    }
    const value = match[2] === '::' ? Buffer.from(match[3] ?? '', 'base64').toString('utf8') : (match[3] ?? '');
    if (current === undefined) {
      if (name !== 'dn') return refuse('invalid', 'Line {line}: a record begins with its dn', 'text', { line: number });
      current = { line: number, dn: value, attributes: new Map() };
      records.push(current);
    } else {
      current.attributes.set(name, [...(current.attributes.get(name) ?? []), value]);
    }
  }
  return done(records);
}

/** RFC 2849; what is no SAFE-STRING goes as base64. */
export function formatLdifRecord(dn: string, attributes: Iterable<readonly [string, readonly string[]]>): string {
  const line = (name: string, value: string): string => {
    const safe = value === '' || (/^[!-9;=-~][ -~]*$/.test(value) && !value.endsWith(' '));
    return safe ? `${name}: ${value}\n` : `${name}:: ${Buffer.from(value, 'utf8').toString('base64')}\n`;
  };
  let text = line('dn', dn);
  for (const [name, values] of attributes) for (const value of values) text += line(name, value);
  return `${text}\n`;
}
