import { imap, joined, piece } from './codec/command.ts';
import { bufferOf, listOf, pairsOf, readValues } from './codec/response-values.ts';
import type { Completion, StoreConnection } from './store-connection.ts';

const ROOT = '/private/vendor/postern/';

/** Settings of the account below a name (RFC 5464 §4.2), by their names without what they all begin with. */
export async function readSettings(
  connection: StoreConnection,
  names: readonly string[],
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const asked = joined(names.map((name) => ROOT + name));
  await connection.must(imap`GETMETADATA (DEPTH infinity) "" (${asked})`, (response) => {
    if (!/^\* METADATA /i.test(response.lines[0] ?? '')) return;
    const pairs = listOf(readValues(response, 0)[3]);
    for (const [name, value] of pairsOf(pairs)) {
      const octets = bufferOf(value);
      if (octets !== undefined) found.set(name.toLowerCase().slice(ROOT.length), octets);
    }
  });
  return found;
}

/** Writes one, or removes it. What the store says to it is the caller's to judge. */
export function writeSetting(
  connection: StoreConnection,
  name: string,
  value: string | undefined,
): Promise<Completion> {
  return connection.run(imap`SETMETADATA "" (${ROOT + name} ${value ?? piece`NIL`})`);
}

/** A JSON object that the store keeps; empty when it is none. */
export function objectOf(value: Buffer | undefined): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse((value ?? Buffer.from('{}')).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
